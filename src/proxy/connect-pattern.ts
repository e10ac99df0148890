// Which targets of a plain CONNECT are allowed: `HOST:PORT`, where HOST may be `*` or `*.DOMAIN`, and PORT
// `*`.

/** An IPv6 address without its brackets. */
export interface ConnectTarget {
  readonly host: string
  readonly port: number
}

/** The part of an authority or of a pattern before and behind the last colon. */
const PARTS = /^(\[[\da-f:.]+\]|[^[\]:/?#@\s]+):(\*|\d{1,5})$/i

/** The host and port of an authority or a pattern; null where it is neither. */
export const partsOf = (text: string): { host: string; port: string } | null => {
  const match = PARTS.exec(text)
  if (match === null || Number(match[2]) > 65_535 || Number(match[2]) === 0) return null
  const host = match[1].toLowerCase()
  if (!host.startsWith('[')) return { host, port: match[2] }
  // An IPv6 address is written in many ways; a URL has one of them.
  const plain = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : null
  return plain === null ? null : { host: plain.slice(1, -1), port: match[2] }
}

/** `HOST:PORT`, where HOST may be `*` or `*.DOMAIN`, and PORT `*`. */
export class ConnectPattern {
  private readonly host: string
  private readonly port: string

  /** Throws if the text is not a pattern. */
  constructor(text: string) {
    const parts = partsOf(text)
    if (parts === null || /\*/.test(parts.host.replace(/^\*($|\.(?=.))/, '')))
      throw new Error(`no pattern: ${text}`)
    this.host = parts.host.replace(/(?<=.)\.$/, '')
    this.port = parts.port
  }

  matches({ host, port }: ConnectTarget): boolean {
    if (this.port !== '*' && Number(this.port) !== port) return false
    // A last dot says that a name is whole (RFC 3986 §3.2.2): it is the same name.
    const name = host.endsWith('.') ? host.slice(0, -1) : host
    if (this.host === '*' || this.host === name) return true
    return this.host.startsWith('*.') && name.endsWith(this.host.slice(1)) && name.length >= this.host.length
  }
}
