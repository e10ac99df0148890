// A store that processes share: a backend of Redis, for what filters of several processes count together. The
// server gives it to filters, since this room knows no protocol.

import type { Pollable } from '../pollset/index.js'

/** The backend of a store, and the identity that it is asked with. */
export interface StoreUse {
  readonly backend: string
  readonly database: number
  readonly user: string | null
  readonly password: string | null
}

/** One question to a store. */
export interface StoreQuestion {
  /** Raises SETTLED once: the answer is there, or none is to come. `why` shows what it depends on. */
  readonly settled: Pollable
  readonly isSettled: boolean
  /** The string or the number that the store has answered; null without an answer. */
  readonly text: string | null
}

export interface SharedStore {
  /**
   * Has it run a script of Lua in one step, for one key. Returns null if it has not answered of late, so that
   * nobody waits for it: go on without it.
   * @param key a key for all of Redis: it should begin with `fermata:`
   * @param within the ms after which there is no answer
   */
  run(script: string, key: string, args: readonly string[], within: number): StoreQuestion | null
  describe(): Readonly<Record<string, unknown>>
  /** Is called when no filter uses it any longer. */
  close?(): void
}
