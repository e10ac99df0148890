// The rules of heads that need no octets: what a Connection field nominates, what a Transfer-Encoding comes
// to, which form a request-target has, and whether the connection goes on. RFC 9112 and RFC 9110 §7.6; the
// tables are spec/http1/strictness.md and spec/http1/translation.md.

import { isBlank, isToken } from '../http/index.js'

/**
 * The members of a list in lower case, without SP and HTAB around them: other blanks of Unicode are no blanks
 * here.
 */
function members(value: string): string[] {
  const found = value.split(',')
  for (let i = 0; i < found.length; i++) found[i] = withoutBlanks(found[i]).toLowerCase()
  return found
}

/** A loop, as a pattern would look at a long run of blanks once from each of them. */
function withoutBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** What the Connection fields of one head say (RFC 9110 §7.6.1). */
export class ConnectionOptions {
  close = false
  keepAlive = false
  upgrade = false
  /** Names of fields that are this connection's own; null when there are none. */
  nominated: Set<string> | null = null

  clear(): void {
    this.close = false
    this.keepAlive = false
    this.upgrade = false
    this.nominated = null
  }

  /** One more Connection field; false when it is not a list of tokens. */
  add(value: string): boolean {
    if (value === 'keep-alive') this.keepAlive = true
    else if (value === 'close') this.close = true
    else return this.addList(value)
    return true
  }

  private addList(value: string): boolean {
    for (const option of members(value)) {
      // RFC 9110 §5.6.1.2: empty members of a list are ignored.
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

  /**
   * RFC 9110 §7.6.1: never a field that is for all recipients; these two would change what the message is.
   */
  get overreaches(): boolean {
    const names = this.nominated
    return names !== null && (names.has('host') || names.has('content-length'))
  }

  /** RFC 9112 §9.3, for a message of HTTP/1.`minor`. */
  persists(minor: number): boolean {
    return !this.close && (minor > 0 || this.keepAlive)
  }
}

/**
 * The seconds of `timeout` in a Keep-Alive field, after which its sender closes an idle connection; -1 where
 * it has none (RFC 2068 §19.7.1.1).
 */
export function keepAliveTimeout(value: string): number {
  const match = /(?:^|,)[ \t]*timeout[ \t]*=[ \t]*"?(\d{1,9})"?[ \t]*(?:,|$)/i.exec(value)
  return match === null ? -1 : Number(match[1])
}

const CODING_CHUNKED = 0
/** Chunked is last, so the end is known; what is in it is not. */
export const CODING_UNKNOWN = 1
/** Where the message ends is in doubt. */
export const CODING_FAULTY = 2

/**
 * What all Transfer-Encoding fields of a head come to, joined by commas in their order (RFC 9112 §6.1, §6.3).
 */
export function codingOf(value: string): number {
  const codings = members(value)
  if (codings.pop() !== 'chunked') return CODING_FAULTY
  if (codings.length === 0) return CODING_CHUNKED
  const whole = codings.every((each) => each !== 'chunked' && isToken(each))
  return whole ? CODING_UNKNOWN : CODING_FAULTY
}

/**
 * Whether a list of protocols, as Upgrade has them, names this one (RFC 9110 §7.8); a version behind a slash
 * is another protocol.
 */
export const namesProtocol = (upgrade: string, protocol: string): boolean =>
  members(upgrade).includes(protocol)

/** Whether TE says that its sender takes trailers (RFC 9110 §10.1.4). */
export const takesTrailers = (te: string): boolean => members(te).includes('trailers')

/** A request-target taken apart; null for what it does not say. */
export interface Target {
  readonly authority: string | null
  readonly path: string | null
}

/**
 * A request-target in any form but origin-form (RFC 9112 §3.2); null when it is none that this method may
 * have.
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
  // §3.2.4: without path and query OPTIONS asks about the server as a whole.
  const empty = method === 'OPTIONS' && rest === '' ? '*' : '/'
  return {
    authority,
    path: rest.startsWith('/') ? rest : rest === '' ? empty : `/${rest}`,
  }
}
