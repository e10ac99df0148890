// A store that processes share: a backend of Redis, for what filters of several processes count together. The
// server gives it to filters, since this room knows no protocol.

import type { Pollable } from '../pollset/index.js'
import type { StoreOption } from './store-option.js'

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

export interface StoreStreamEvents {
  entry(text: string): void
  /** Entries may have been missed: before the first look, and if the stream was trimmed or lost. */
  missed(): void
}

/** A stream that is followed. */
export interface StoreStream {
  close(): void
  describe(): Readonly<Record<string, unknown>>
}

export interface SharedStore {
  /**
   * Has it run a script of Lua in one step, for one key. Returns null if it has not answered of late, so that
   * nobody waits for it: go on without it.
   * @param key a key for all of Redis: it should begin with `fermata:`
   * @param within the ms after which there is no answer
   */
  run(script: string, key: string, args: readonly string[], within: number): StoreQuestion | null
  /**
   * Appends an entry to a stream, which keeps about the last `most` of them.
   * @param told is called once: with the id of the entry, or with null and the reason
   */
  append(
    key: string,
    entry: string,
    most: number,
    within: number,
    told: (id: string | null, why: string) => void,
  ): void
  /** Follows a stream, until it is closed. Entries come in order, each once. */
  follow(key: string, events: StoreStreamEvents): StoreStream
  describe(): Readonly<Record<string, unknown>>
  /** Is called when no filter uses it any longer. */
  close?(): void
}

/** Returns the store that an option names. */
export const storeUseOf = ({ backend, database, user, password }: StoreOption): StoreUse => ({
  backend,
  database: database ?? 0,
  user: user ?? null,
  password: password?.text ?? null,
})
