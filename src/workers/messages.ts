// The messages between the primary process and a worker. Each is plain data with a `kind`. Questions, answers
// and configurations belong to their users: this file does not know their contents.

import type { Address, SocketFault } from '../pollset/index.js'

/** `shutdown` waits for the delay of shutting down, then drains; `end` ends at once. */
export type WorkerOrder = 'shutdown' | 'drain' | 'reopen' | 'end'

export type ToWorker =
  /** The first message. Parts of the first configuration follow. */
  | { kind: 'begin'; settings: unknown; ticketKeys: Uint8Array }
  /** A part of a configuration to prepare. */
  | { kind: 'part'; version: number; part: unknown; isLast: boolean }
  | { kind: 'commit'; version: number }
  | { kind: 'abandon'; version: number }
  | { kind: 'order'; order: WorkerOrder }
  | { kind: 'ticketKeys'; ticketKeys: Uint8Array }
  | { kind: 'question'; question: number; asked: unknown }
  /** A listener was bound. */
  | { kind: 'bound'; listener: number; address: Address }
  | { kind: 'unbound'; listener: number; fault: SocketFault }
  /** An accepted connection comes with it. */
  | { kind: 'connection'; listener: number }

export type ToPrimary =
  /** The worker has begun, and awaits `begin`. */
  | { kind: 'here' }
  /** A configuration is prepared: `commit` or `abandon` follows. */
  | { kind: 'ready'; version: number }
  | { kind: 'refused'; version: number; why: string }
  /** The worker serves this configuration. */
  | { kind: 'serving'; version: number }
  | { kind: 'answer'; question: number; answer: unknown }
  /**
   * Asks for a listener, to which the worker has given this number. `ordinal`: its number among the worker's
   * listeners at this address.
   */
  | { kind: 'listen'; listener: number; address: Address; ordinal: number }
  | { kind: 'unlisten'; listener: number }
  /** A report that nobody asked for. */
  | { kind: 'told'; told: unknown }

type Check = (value: unknown) => boolean
const isNumber: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isText: Check = (value) => typeof value === 'string'
const isAnything: Check = (value) => value !== undefined
const isAddress: Check = (value) => {
  if (typeof value !== 'object' || value === null) return false
  const { host, port, path } = value as Record<string, unknown>
  return isText(host) && isNumber(port) && (port as number) <= 0xffff && (path === undefined || isText(path))
}

/** The fields of each kind. */
const FIELDS: { readonly [Kind in ToPrimary['kind']]: Readonly<Record<string, Check>> } = {
  here: {},
  ready: { version: isNumber },
  refused: { version: isNumber, why: isText },
  serving: { version: isNumber },
  answer: { question: isNumber, answer: isAnything },
  listen: { listener: isNumber, address: isAddress, ordinal: isNumber },
  unlisten: { listener: isNumber },
  told: { told: isAnything },
}

/** Returns true if it is a message of a worker. */
export function isToPrimary(message: unknown): message is ToPrimary {
  if (typeof message !== 'object' || message === null) return false
  const { kind } = message as { kind?: unknown }
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) return false
  const fields = FIELDS[kind as ToPrimary['kind']]
  return Object.entries(fields).every(([name, check]) => check((message as Record<string, unknown>)[name]))
}
