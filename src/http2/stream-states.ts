// The treatment of a received frame in each state of a stream (RFC 9113 §5.1). The grid is data.
// spec/http2/stream-grid.md has the same grid, written from the RFC, and a test compares the two.
//
//   ok          the frame has its effect
//   ignore      it is read and dropped; HPACK state and connection credit are updated
//   stream      an error of this stream: RST_STREAM with the code
//   connection  an error of the connection: GOAWAY with the code

import { ErrorCode } from './codes.js'

export const StreamState = {
  IDLE: 0,
  OPEN: 1,
  /** We have sent END_STREAM. */
  HALF_CLOSED_LOCAL: 2,
  /** The peer has sent END_STREAM. */
  HALF_CLOSED_REMOTE: 3,
  /** Both sides have sent END_STREAM. */
  CLOSED_ENDED: 4,
  CLOSED_RESET_BY_US: 5,
  CLOSED_RESET_BY_PEER: 6,
} as const

const STATE_NAMES = Object.keys(StreamState)
export const stateName = (state: number): string => STATE_NAMES[state].toLowerCase().replaceAll('_', '-')

/** The frames that arrive on a stream; `_ES`: with END_STREAM. */
export const StreamEvent = {
  DATA: 0,
  DATA_ES: 1,
  HEADERS: 2,
  HEADERS_ES: 3,
  PRIORITY: 4,
  RST_STREAM: 5,
  PUSH_PROMISE: 6,
  WINDOW_UPDATE: 7,
} as const

export const Action = { OK: 0, IGNORE: 1, STREAM: 2, CONNECTION: 3 } as const

type Cell = 'ok' | 'ignore' | `${'stream' | 'connection'}:${keyof typeof ErrorCode}`
type Row = readonly [
  data: Cell,
  dataEnd: Cell,
  headers: Cell,
  headersEnd: Cell,
  priority: Cell,
  rst: Cell,
  push: Cell,
  window: Cell,
]

const protocol = 'connection:PROTOCOL_ERROR'
const closed = 'stream:STREAM_CLOSED'
const lost = 'connection:STREAM_CLOSED'
const malformed = 'stream:PROTOCOL_ERROR'

/** Rows by {@link StreamState}. A second HEADERS of a request has its trailers, so it must end it (§8.1). */
const SERVER: readonly Row[] = [
  [protocol, protocol, 'ok', 'ok', 'ignore', protocol, protocol, protocol],
  ['ok', 'ok', malformed, 'ok', 'ignore', 'ok', protocol, 'ok'],
  ['ok', 'ok', malformed, 'ok', 'ignore', 'ok', protocol, 'ok'],
  [closed, closed, closed, closed, 'ignore', 'ok', protocol, 'ok'],
  [lost, lost, lost, lost, 'ignore', 'ignore', protocol, 'ignore'],
  ['ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', protocol, 'ignore'],
  [closed, closed, closed, closed, 'ignore', 'ignore', protocol, 'ignore'],
]

/** We never enable push (§6.6), so a server opens no stream. */
const CLIENT: readonly Row[] = [
  [protocol, protocol, protocol, protocol, 'ignore', protocol, protocol, protocol],
  ['ok', 'ok', 'ok', 'ok', 'ignore', 'ok', protocol, 'ok'],
  ['ok', 'ok', 'ok', 'ok', 'ignore', 'ok', protocol, 'ok'],
  [closed, closed, closed, closed, 'ignore', 'ok', protocol, 'ok'],
  [lost, lost, lost, lost, 'ignore', 'ignore', protocol, 'ignore'],
  ['ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', protocol, 'ignore'],
  [closed, closed, closed, closed, 'ignore', 'ignore', protocol, 'ignore'],
]

const EVENTS = Object.keys(StreamEvent).length

function compile(rows: readonly Row[]): Uint8Array {
  const table = new Uint8Array(rows.length * EVENTS)
  rows.forEach((row, state) => {
    row.forEach((cell, event) => {
      const [word, code] = cell.split(':')
      const action = Action[word.toUpperCase() as keyof typeof Action]
      table[state * EVENTS + event] =
        (action << 4) | (code === undefined ? 0 : ErrorCode[code as keyof typeof ErrorCode])
    })
  })
  return table
}

export type Role = 'server' | 'client'
const TABLES: Readonly<Record<Role, Uint8Array>> = { server: compile(SERVER), client: compile(CLIENT) }

/** The compiled grid of a role, for {@link verdict}. */
export const gridOf = (role: Role): Uint8Array => TABLES[role]
/** Returns the treatment: {@link actionOf} and, for errors, {@link codeOf} read it. */
export const verdict = (grid: Uint8Array, state: number, event: number): number =>
  grid[state * EVENTS + event]
export const actionOf = (cell: number): number => cell >> 4
export const codeOf = (cell: number): number => cell & 15

/** Returns the state after the peer's END_STREAM. */
export const afterRemoteEnd = (state: number): number =>
  state === StreamState.HALF_CLOSED_LOCAL ? StreamState.CLOSED_ENDED : StreamState.HALF_CLOSED_REMOTE
/** Returns the state after our END_STREAM. */
export const afterLocalEnd = (state: number): number =>
  state === StreamState.HALF_CLOSED_REMOTE ? StreamState.CLOSED_ENDED : StreamState.HALF_CLOSED_LOCAL
