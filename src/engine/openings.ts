// The sessions that an engine is opening, and the pause before the next after one that failed or was of no
// use (spec/engine.md, E30 and E35).

import type { World } from '../continuation/index.js'
import type { Opening } from './opening.js'
import { ReopenBackoff } from './reopen-backoff.js'
import type { Session, SessionFactory, SessionReports } from './session.js'

export class Openings<S extends Session> implements Iterable<Opening> {
  /** The number of sessions that it has begun to open. */
  begun = 0
  /** Each takes a place, and counts as room for one lease. */
  private readonly running = new Set<Opening>()
  /** Those that were given up and have not closed yet. Each takes a place. */
  private readonly abandoned = new Set<Opening>()
  /** Armed while no session is opened. */
  readonly pause: ReopenBackoff
  /** The pause follows a session that closed before it was of use: it holds also if no session serves. */
  private isStrict = false
  private readonly world: World
  private readonly open: SessionFactory<S>

  /** @param ended is called when a pause has ended */
  constructor(world: World, open: SessionFactory<S>, ended: () => void) {
    this.world = world
    this.open = open
    this.pause = new ReopenBackoff(() => {
      this.isStrict = false
      ended()
    })
  }

  get size(): number {
    return this.running.size
  }

  /** The number of places that they take. */
  get taken(): number {
    return this.running.size + this.abandoned.size
  }

  [Symbol.iterator](): Iterator<Opening> {
    return this.running.values()
  }

  begin(reports: SessionReports<S>): void {
    this.begun++
    this.running.add(this.open(reports))
  }

  /** Notes that an opening has opened its session, or failed. Returns false if it was given up before. */
  ended(opening: Opening): boolean {
    return this.running.delete(opening)
  }

  /** Gives up an opening, which closes. Returns false for one that has ended. */
  abandon(opening: Opening): boolean {
    if (!this.running.delete(opening)) return false
    this.abandoned.add(opening)
    return true
  }

  /** Notes that a session has closed. Returns true if it never opened. */
  closed(opening: Opening): boolean {
    return this.running.delete(opening) || this.abandoned.delete(opening)
  }

  /** Begins a pause. @param strict a session was of no use */
  rest(ms: number, strict: boolean): void {
    const { deadlines } = this.world.pollset
    if (strict) this.isStrict = true
    deadlines.disarm(this.pause)
    deadlines.every(ms).arm(this.pause)
  }

  get isResting(): boolean {
    return this.pause.deadlineArmed
  }

  /** Ends a pause that is not strict. Returns false for one that is. */
  endRest(): boolean {
    if (this.isStrict) return false
    this.world.pollset.deadlines.disarm(this.pause)
    return true
  }

  /** Gives up all openings. */
  close(): void {
    this.world.pollset.deadlines.disarm(this.pause)
    for (const each of [...this.running]) each.close()
  }
}
