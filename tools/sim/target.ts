// The target of a CONNECT of the simulation: a connection that the proxy has made for one tunnel. It may
// speak first, fall silent, read slowly, end its half or reset the connection. No protocol tells the proxy
// anything about it.

import type { Prng, SimPeerSocket } from '../../src/pollset/index.js'
import { mayComeAgain } from './checks/r.js'
import { bodyBelongs, flowIsWhole } from './checks/s2.js'
import { givenUp } from './inside.js'
import type { Request } from './ledger.js'
import type { PeerContext } from './peer.js'
import { Peer1 } from './peer1.js'
import { UNTIL_CLOSE } from './wire1.js'

export class Target extends Peer1 {
  /** octets received */
  private octets = 0
  private readonly request: Request
  private readonly onLeft: (peer: Target) => void

  constructor(
    stage: PeerContext,
    far: SimPeerSocket,
    chance: Prng,
    request: Request,
    onLeft: (peer: Target) => void,
  ) {
    super(stage, far, chance)
    this.request = request
    this.onLeft = onLeft
    const { plan, pollset, books, healed } = stage
    stage.tally('connect target')
    this.reader.tunnel()
    const dead = (): boolean => this.gone || this.far.ended || givenUp(this.far.near)
    mayComeAgain(request)
    request.attempts.push({ refused: false, dead })
    const total = chance.chance(20) ? 0 : chance.between(1, plan.responseBytes)
    const flow = books.response(request, total, null, false)
    this.flow = flow
    const cutAt = !healed && chance.chance(plan.truncatedPercent) ? chance.below(total + 1) : total
    const lasts = chance.chance(plan.lastingPercent)
    pollset.after(healed ? 0 : chance.below(plan.thinkMs + 1), () => {
      if (!this.gone) this.put({ head: '', message: flow, framing: UNTIL_CLOSE, cutAt, lasts })
    })
    this.readSlowly()
    if (chance.chance(plan.diePercent)) pollset.after(chance.below(plan.runMs), () => this.die())
  }

  private die(): void {
    if (this.gone || this.stage.healed) return
    const fin = this.chance.chance(50)
    this.stage.tally(fin ? 'connect target FIN' : 'connect target RST')
    if (fin) this.fin()
    else this.rst()
  }

  head(start: string): number {
    this.wrong(`a head '${start}' in a tunnel`)
  }

  body(b: Buffer, from: number, to: number): void {
    bodyBelongs({ id: this.request.id, received: this.octets, trailers: null }, this.request, b, from, to)
    this.octets += to - from
  }

  end(): void {
    // The client had left before the connection was made: no byte was sent, and no FIN.
    if (!this.request.opened && this.octets === 0) return
    flowIsWhole({ id: this.request.id, received: this.octets }, this.request)
  }

  protected cut(): void {
    this.stage.tally('connect target cut')
    if (this.chance.chance(50)) this.fin()
    else this.rst()
  }

  protected left(): void {}
  protected parted(): void {
    this.onLeft(this)
  }
}
