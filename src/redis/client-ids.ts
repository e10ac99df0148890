// The numbers of clients. CLIENT ID tells one of the proxy's own, since the server knows no client that
// shares sessions. When a client that was told its number has a session alone, others may mean that session:
// CLIENT UNBLOCK ends what it waits for, and CLIENT TRACKING sends messages to it. So the server is asked for
// the session's number, which takes the place of ours in the commands that name clients (Y38).

import type { Pollset } from '../pollset/index.js'
import type { Ask } from './ask.js'
import type { CommandInfo } from './commands.js'
import type { RedisFrontend } from './frontend.js'
import { arrayOf } from './inline.js'
import type { RequestReader } from './request-reader.js'

/** Our numbers are above it: a server has no client with such a number, which others could mean. */
const FIRST = 2 ** 40
/** The numbers of a process. Which of the spans it has is chosen at random. */
const SPAN = 2 ** 28
const SPANS = 2 ** 24
/** The length of the decimal form of the largest of them. */
const DIGITS_MAX = 16
const ZERO = 0x30
const COLON = 0x3a

const NAME_CLIENTS: ReadonlySet<string> = new Set([
  'client|tracking',
  'client|unblock',
  'client|kill',
  'client|list',
])

export class ClientIds {
  private readonly pollset: Pollset
  private readonly open: Iterable<RedisFrontend>
  /** 0: no number was told. */
  private base = 0

  /** @param open the clients of the proxy */
  constructor(pollset: Pollset, open: Iterable<RedisFrontend>) {
    this.pollset = pollset
    this.open = open
  }

  /** Returns the number that this client is told. */
  tell(client: RedisFrontend): number {
    client.knowsId = true
    if (this.base === 0) {
      const chance = new Uint32Array(1)
      this.pollset.random(new Uint8Array(chance.buffer))
      this.base = FIRST + (chance[0] % SPANS) * SPAN
    }
    return this.base + client.number
  }

  /** Returns the number by which the server knows the client with this number; 0: it does not. */
  private serverIdOf(id: number): number {
    if (this.base === 0 || id < this.base) return 0
    for (const each of this.open)
      if (this.base + each.number === id) return each.knowsId ? (each.place.pin?.serverId ?? 0) : 0
    return 0
  }

  /** Returns the command that was read with the server's numbers of clients; null: it stays as it is. */
  translated(info: CommandInfo, reader: RequestReader): Buffer | null {
    if (this.base === 0 || !NAME_CLIENTS.has(info.name) || reader.known < reader.count) return null
    const { buffer, from, to, count } = reader
    let words: (string | Buffer)[] | null = null
    for (let at = 2; at < count; at++) {
      const id = this.serverIdOf(numberIn(buffer, from[at], to[at]))
      if (id === 0) continue
      words ??= Array.from({ length: count }, (_, place) => buffer.subarray(from[place], to[place]))
      words[at] = String(id)
    }
    return words === null ? null : arrayOf(words)
  }
}

/** Returns the number that these bytes are; 0: it cannot be one of ours. */
function numberIn(bytes: Buffer, from: number, to: number): number {
  let number = 0
  if (to - from > DIGITS_MAX) return 0
  for (let at = from; at < to; at++) {
    const digit = bytes[at] - ZERO
    if (digit < 0 || digit > 9) return 0
    number = number * 10 + digit
  }
  return number
}

/** Asks by which number the server knows a session. A server may refuse to tell. */
export class IdQuestion implements Ask {
  readonly askedAt: number
  readonly sharer = null
  owed = 1
  private text = ''
  private readonly told: (id: number) => void

  constructor(now: number, told: (id: number) => void) {
    this.askedAt = now
    this.told = told
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean, type: number): void {
    if (type === COLON) this.text += buffer.toString('latin1', from, to)
    if (!last) return
    this.owed--
    if (this.text !== '') this.told(Number(this.text.slice(1)))
  }

  lost(): void {}
}
