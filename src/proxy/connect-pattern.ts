// The allowed targets of plain CONNECT: `HOST:PORT`, where HOST may be `*` or `*.DOMAIN`, and PORT `*`.

/** The target of a CONNECT. `host` has no brackets around an IPv6 address. */
export interface ConnectTarget {
  readonly host: string
  readonly port: number
}

/** Splits an authority or a pattern at its last colon. */
const PARTS = /^(\[[\da-f:.]+\]|[^[\]:/?#@\s]+):(\*|\d{1,5})$/i

/** Returns host and port of an authority or a pattern; null if the text is neither. */
export const partsOf = (text: string): { host: string; port: string } | null => {
  const match = PARTS.exec(text)
  if (match === null || Number(match[2]) > 65_535 || Number(match[2]) === 0) return null
  const host = match[1].toLowerCase()
  if (!host.startsWith('[')) return { host, port: match[2] }
  // URL writes every spelling of an IPv6 address in one way.
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
      throw new Error(`not a pattern: ${text}`)
    this.host = parts.host.replace(/(?<=.)\.$/, '')
    this.port = parts.port
  }

  matches({ host, port }: ConnectTarget): boolean {
    if (this.port !== '*' && Number(this.port) !== port) return false
    // A final dot only marks a fully qualified name (RFC 3986 §3.2.2).
    const name = host.endsWith('.') ? host.slice(0, -1) : host
    if (this.host === '*' || this.host === name) return true
    return this.host.startsWith('*.') && name.endsWith(this.host.slice(1)) && name.length >= this.host.length
  }
}
