// A connection of a simulated server of Redis: it thinks about each command that comes, and answers in turn. It
// falls silent, dies before, within or behind a reply, and sends replies in one piece or byte by byte. Its
// server makes the answers.

import type { Prng, SimPeerSocket, SimPeerSocketOwner, SimPollset } from '../../../src/pollset/index.js'
import { CommandText } from './wire.js'

/** The stage of its server. */
interface ServedStage {
  readonly pollset: SimPollset
  /** True once the faults are over. */
  readonly healed: boolean
}

/** The numbers of the plan for how it answers. */
export interface Pace {
  readonly slowPercent: number
  readonly thinkMs: number
  readonly byBytePercent: number
}

export abstract class ServedConnection<S extends ServedStage> implements SimPeerSocketOwner {
  protected readonly stage: S
  protected readonly far: SimPeerSocket
  protected readonly chance: Prng
  /** It thinks, or waits for what its reply has. */
  protected isBusy = false
  protected isGone = false
  /** It answers nothing any more. */
  protected isSilent = false
  private readonly pace: Pace
  private readonly input = new CommandText()
  private readonly waiting: (readonly string[])[] = []
  /** It sends byte by byte. */
  private readonly byByte: boolean

  constructor(stage: S, far: SimPeerSocket, chance: Prng, pace: Pace) {
    this.stage = stage
    this.far = far
    this.chance = chance
    this.pace = pace
    this.byByte = chance.chance(pace.byBytePercent)
    far.owner = this
  }

  /** Fails the run: what has come is no command. */
  protected abstract malformed(why: string): never
  /** Takes a command. */
  protected abstract take(words: readonly string[]): void
  /** It has closed. */
  protected abstract left(): void

  // Its socket

  received(bytes: Uint8Array): void {
    this.input.add(bytes)
    for (let next = this.input.next(); next !== null; next = this.input.next()) {
      if (typeof next === 'string') this.malformed(next)
      this.waiting.push(next)
    }
    this.go()
  }

  ended(): void {
    this.leave()
    this.far.end()
  }

  closed(): void {
    this.leave()
  }

  private leave(): void {
    if (this.isGone) return
    this.isGone = true
    this.left()
  }

  die(): void {
    this.far.reset()
    this.leave()
  }

  heal(): void {
    // One that is out of step with its client for ever is of no use to it.
    if (this.isSilent) this.die()
  }

  // Its work

  private go(): void {
    const { chance, pace } = this
    while (!this.isBusy && !this.isGone && !this.isSilent) {
      const words = this.waiting.shift()
      if (words === undefined) return
      const { pollset, healed } = this.stage
      const thinks = healed || !chance.chance(pace.slowPercent) ? 0 : chance.below(pace.thinkMs + 1)
      if (thinks === 0) this.take(words)
      else {
        this.isBusy = true
        pollset.after(thinks, () => {
          this.isBusy = false
          if (this.isGone) return
          this.take(words)
          this.go()
        })
      }
    }
  }

  /** Returns true if this fate is to die behind or within the reply. Then it has. */
  protected diesBy(fate: string, reply: string): boolean {
    if (fate !== 'dies after' && fate !== 'dies within') return false
    if (fate === 'dies within') this.write(reply.slice(0, this.chance.below(reply.length)))
    this.die()
    return true
  }

  protected write(text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    if (!this.byByte || this.stage.healed) this.far.send(bytes)
    else for (let at = 0; at < bytes.length; at++) this.far.send(bytes.subarray(at, at + 1))
  }

  /** It waits no longer for what its reply has: takes the next command soon. */
  protected goOn(): void {
    this.isBusy = false
    this.stage.pollset.after(0, () => this.go())
  }
}

/** The fates of a server that dies at a command. */
export const DEATHS = ['dies before', 'dies after', 'dies within'] as const
