// Parses values of a head: Connection, Transfer-Encoding, Keep-Alive, Upgrade, TE and the request-target
// (RFC 9112, RFC 9110 §7.6; spec/http1/strictness.md, spec/http1/translation.md).

import { isBlank, isToken } from '../http/index.js'

/** Returns the members of a list in lower case, without SP and HTAB around them; other blanks are text. */
function members(value: string): string[] {
  const found = value.split(',')
  for (let i = 0; i < found.length; i++) found[i] = withoutBlanks(found[i]).toLowerCase()
  return found
}

/** Strips SP and HTAB. It is a loop, because a pattern takes quadratic time on a long run of blanks. */
function withoutBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** The options in the Connection fields of a head (RFC 9110 §7.6.1). */
export class ConnectionOptions {
  close = false
  keepAlive = false
  upgrade = false
  /** The nominated fields, which belong to this connection; null if there are none. */
  nominated: Set<string> | null = null

  clear(): void {
    this.close = false
    this.keepAlive = false
    this.upgrade = false
    this.nominated = null
  }

  /** Takes a Connection field. Returns false if it is not a list of tokens. */
  add(value: string): boolean {
    if (value === 'keep-alive') this.keepAlive = true
    else if (value === 'close') this.close = true
    else return this.addList(value)
    return true
  }

  private addList(value: string): boolean {
    for (const option of members(value)) {
      // Empty members of a list are ignored (RFC 9110 §5.6.1.2).
      if (option === '') continue
      if (!isToken(option)) return false
      if (option === 'close') this.close = true
      else if (option === 'keep-alive') this.keepAlive = true
      else if (option === 'upgrade') this.upgrade = true
      else {
        this.nominated ??= new Set()
        this.nominated.add(option)
      }
    }
    return true
  }

  /** True if it nominates Host or Content-Length, which are for all recipients (RFC 9110 §7.6.1). */
  get overreaches(): boolean {
    const names = this.nominated
    return names !== null && (names.has('host') || names.has('content-length'))
  }

  /** Returns true if the connection persists after a message of HTTP/1.`minor` (RFC 9112 §9.3). */
  persists(minor: number): boolean {
    return !this.close && (minor > 0 || this.keepAlive)
  }
}

/** Returns the `timeout` of a Keep-Alive field in seconds; -1 if it has none (RFC 2068 §19.7.1.1). */
export function keepAliveTimeout(value: string): number {
  const match = /(?:^|,)[ \t]*timeout[ \t]*=[ \t]*"?(\d{1,9})"?[ \t]*(?:,|$)/i.exec(value)
  return match === null ? -1 : Number(match[1])
}

const CODING_CHUNKED = 0
/** Chunked is last, so the end is known; another coding is unknown. */
export const CODING_UNKNOWN = 1
/** The end of the message is in doubt. */
export const CODING_FAULTY = 2

/** Returns the meaning of the Transfer-Encoding fields of a head, joined by commas (RFC 9112 §6.1, §6.3). */
export function codingOf(value: string): number {
  const codings = members(value)
  if (codings.pop() !== 'chunked') return CODING_FAULTY
  if (codings.length === 0) return CODING_CHUNKED
  const whole = codings.every((each) => each !== 'chunked' && isToken(each))
  return whole ? CODING_UNKNOWN : CODING_FAULTY
}

/**
 * Returns true if an Upgrade field names this protocol (RFC 9110 §7.8). A name with a version is
 * another protocol.
 */
export const namesProtocol = (upgrade: string, protocol: string): boolean =>
  members(upgrade).includes(protocol)

/** Returns true if TE says that the sender accepts trailers (RFC 9110 §10.1.4). */
export const takesTrailers = (te: string): boolean => members(te).includes('trailers')

/** The parts of a request-target; null for a part that is missing. */
export interface Target {
  readonly authority: string | null
  readonly path: string | null
}

/**
 * Parses a request-target that is not in origin-form (RFC 9112 §3.2). Returns null if the method must not
 * have it.
 */
export function readTarget(method: string, text: string): Target | null {
  if (method === 'CONNECT') {
    const port = /:(\d{1,5})$/.exec(text)
    return port !== null && Number(port[1]) <= 65535 ? { authority: text, path: null } : null
  }
  if (text === '*') return method === 'OPTIONS' ? { authority: null, path: '*' } : null
  const parts = /^https?:\/\/([^/?]+)(.*)$/is.exec(text)
  if (parts === null) return null
  const [, authority, rest] = parts
  // OPTIONS without path and query is about the whole server (§3.2.4).
  const empty = method === 'OPTIONS' && rest === '' ? '*' : '/'
  return {
    authority,
    path: rest.startsWith('/') ? rest : rest === '' ? empty : `/${rest}`,
  }
}
