// The TLS handshake of an accepted socket, for a protocol that is known beforehand.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { CLOSED, SECURED, type Socket, type TlsServer } from '../pollset/index.js'

/**
 * Is told once that the handshake has ended. The socket is the caller's if it succeeded; else it is closed.
 */
export type SecuringEnd = (securing: Securing, isSecured: boolean) => void

export const securingLife = defineLife({
  name: 'securing',
  source: import.meta.url,
  edges: {
    begin: ['settle', 'drop'],
    settle: ['done', 'drop'],
    drop: ['done'],
  },
  waits: ['handshakeMs'],
})

export class Securing extends Continuation {
  readonly id: string
  readonly kind = 'securing'
  readonly socket: Socket
  readonly tls: TlsServer
  readonly ended: SecuringEnd

  constructor(world: World, socket: Socket, tls: TlsServer, handshakeMs: number, ended: SecuringEnd) {
    super(world, securingLife.durations(world.pollset.deadlines, { handshakeMs }))
    this.id = world.nextId('a')
    this.socket = socket
    this.tls = tls
    this.ended = ended
  }

  crashed(): void {
    this.socket.destroy()
    this.ended(this, false)
  }
}

const { goto, done, suspend } = securingLife
const waitForHandshake = suspend({ then: 'settle', late: 'drop', cancelled: 'drop', within: 'handshakeMs' })

const securingSteps = securingLife.steps<Securing>({
  begin(s) {
    s.socket.secure(s.tls)
    s.waitOn(0, s.socket, SECURED | CLOSED)
    return waitForHandshake
  },
  settle(s) {
    if ((s.socket.readiness & SECURED) === 0) return goto.drop
    s.ended(s, true)
    return done
  },
  drop(s) {
    s.socket.destroy()
    s.ended(s, false)
    return done
  },
})

/**
 * Begins the TLS handshake of an accepted socket.
 * @param handshakeMs the ms after which it is given up; a cancel gives it up too
 */
export function secure(
  world: World,
  socket: Socket,
  tls: TlsServer,
  handshakeMs: number,
  ended: SecuringEnd,
): Securing {
  const it = new Securing(world, socket, tls, handshakeMs, ended)
  securingSteps.start(world, it, 'begin')
  return it
}
