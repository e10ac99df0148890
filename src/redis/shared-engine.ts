// The engine of a session that many clients share, and the clients that stand back from it. While the session
// has all the commands that it carries, no further client begins commands: those that began would wait, each
// with its continuation, and the commands of many clients would mix. A client that stands back is not read.

import type { Fault, World } from '../continuation/index.js'
import { Engine, type EngineLimits, type Lease, type SessionFactory } from '../engine/index.js'
import { List, type Listed } from '../pollset/index.js'
import type { RedisSession } from './session.js'

/** A client of a shared session. */
export interface Entrant extends Listed<Entrant> {
  /** The number of commands that it began at once when it last did. */
  readonly expected: number
  /**
   * It may begin what it has sent: there is room for what is expected. {@link SharedEngine.expectNoMore}
   * follows when it has begun.
   */
  letIn(): void
}

export class SharedEngine extends Engine<RedisSession> {
  private readonly depth: number
  private readonly standing = new List<Entrant>()
  /** The commands of clients that begin them in this turn, or were let in and have not begun them. */
  private expected = 0

  /** @param depth the commands that its session carries at once */
  constructor(
    world: World,
    name: string,
    open: SessionFactory<RedisSession>,
    limits: EngineLimits,
    depth: number,
  ) {
    super(world, name, open, limits)
    this.depth = depth
  }

  /** The commands that its session has, and those that wait for it. */
  private get used(): number {
    let used = this.queued
    for (const { leased } of this.sessions) used += leased
    return used
  }

  /** A client that has sent commands must stand back: there is no room for them, or others came before. */
  get isFull(): boolean {
    return this.standing.first !== null || this.used + this.expected >= this.depth
  }

  standBack(client: Entrant): void {
    this.standing.push(client)
    this.letIn()
  }

  /** A client has gone that stood back. */
  left(client: Entrant): void {
    this.standing.remove(client)
    this.letIn()
  }

  /** Keeps room for these commands. */
  expect(commands: number): void {
    this.expected += commands
  }

  /** These commands have begun, or will not. */
  expectNoMore(commands: number): void {
    this.expected -= commands
    this.letIn()
  }

  /** Lets in those for whom there is room, in order; one of them always, if there is nothing to wait for. */
  private letIn(): void {
    for (let { first } = this.standing; first !== null; first = this.standing.first) {
      const used = this.used + this.expected
      if (used > 0 && used + first.expected > this.depth) return
      this.standing.remove(first)
      this.expected += first.expected
      first.letIn()
    }
  }

  // The ways in which room appears

  override release(lease: Lease<RedisSession>): void {
    super.release(lease)
    this.letIn()
  }

  override freed(session: RedisSession): void {
    super.freed(session)
    this.letIn()
  }

  override surrendered(session: RedisSession): void {
    super.surrendered(session)
    this.letIn()
  }

  override closed(session: RedisSession, why: Fault | null): void {
    super.closed(session, why)
    this.letIn()
  }
}
