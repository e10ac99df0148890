// The backend that gets the copies of a mirror: a connection of HTTP/1.1 that the proxy has made. It answers
// soon, late or never, with errors too, and ends its connection when it likes. Clients must see nothing of
// it.

import type { Prng, SimPeerSocket, SimPeerSocketOwner } from '../../src/pollset/index.js'
import type { PeerContext } from './peer.js'

export class CopyBackend implements SimPeerSocketOwner {
  private readonly stage: PeerContext
  private readonly far: SimPeerSocket
  private readonly chance: Prng
  private text = ''

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng) {
    this.stage = stage
    this.far = far
    this.chance = chance
    far.owner = this
    const { plan, pollset } = stage
    stage.tally('copy backend connection')
    if (chance.chance(plan.diePercent)) pollset.after(chance.below(plan.runMs), () => this.die())
  }

  received(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes).toString('latin1')
    for (;;) {
      const end = this.text.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.text.slice(0, end)
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (this.text.length < end + 4 + length) return
      this.text = this.text.slice(end + 4 + length)
      this.asked(head.startsWith('HEAD '))
    }
  }

  private asked(isHead: boolean): void {
    const { chance, stage } = this
    const { plan, pollset } = stage
    stage.tally('copy')
    if (!stage.healed && chance.chance(plan.silentPercent)) return
    pollset.after(stage.healed ? 0 : chance.below(plan.thinkMs + 1), () => {
      const bytes = chance.below(plan.responseBytes + 1)
      const body = Buffer.alloc(isHead ? 0 : bytes, 'x')
      const status = chance.chance(20) ? '503 No' : '200 OK'
      this.far.send(Buffer.from(`HTTP/1.1 ${status}\r\ncontent-length: ${bytes}\r\n\r\n`))
      this.far.send(body)
    })
  }

  private die(): void {
    if (this.far.gone || this.stage.healed) return
    if (this.chance.chance(50)) this.far.end()
    else this.far.reset()
  }

  ended(): void {
    this.far.end()
  }

  closed(): void {}
}
