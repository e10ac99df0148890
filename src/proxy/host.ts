// Compares the hosts of requests and routes (RFC 3986 §6.2.2, §6.2.3): `EXAMPLE.org`, `example.org.` and
// `example.org:` are the same host, `[::1]` and `[0:0:0:0:0:0:0:1]` are the same address, and a missing port
// is the scheme's default.

/** The parts of an authority. */
export interface Host {
  /** The name in lower case, without a final dot. An IPv6 address has brackets and its shortest form. */
  readonly name: string
  /** The port; -1 without one. */
  readonly port: number
}

const PARTS = /^(\[[\da-f:.]+\]|[^[\]:/?#@\s]+)(?::(\d{0,5}))?$/i
const PORT_MAX = 65_535

/** Decodes percent-encoded unreserved characters (RFC 3986 §6.2.2.2). */
const decoded = (name: string): string =>
  name.replace(/%([0-9a-f]{2})/gi, (text, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return /[\w.~-]/.test(character) ? character : text
  })

function nameOf(text: string): string {
  const lower = (text.includes('%') ? decoded(text) : text).toLowerCase()
  if (!lower.startsWith('[')) return lower.endsWith('.') ? lower.slice(0, -1) : lower
  return URL.canParse(`http://${lower}`) ? new URL(`http://${lower}`).hostname : lower
}

/** Returns the parts of an authority; null if the text is not one. */
export function readHost(authority: string): Host | null {
  const match = PARTS.exec(authority)
  if (match === null) return null
  const port = match[2] === undefined || match[2] === '' ? -1 : Number(match[2])
  return port > PORT_MAX ? null : { name: nameOf(match[1]), port }
}

export const defaultPort = (scheme: string | undefined): number => (scheme === 'https' ? 443 : 80)

/** The host of a route: any, one name, or `*.DOMAIN`, with or without a port. */
export class HostPattern {
  /** The normalised spelling; '' for any host. */
  readonly text: string
  /**
   * The rank: a more exact pattern ranks higher. A name ranks before a wildcard, a long wildcard before a
   * short one, then a pattern with a port.
   */
  readonly rank: number
  /** The name; '' for a wildcard, and for any host. */
  readonly name: string
  /** `.example.org` for `*.example.org`; '' if the pattern is not a wildcard. */
  readonly suffix: string
  /** The port; -1 for any port. */
  readonly port: number

  /** Throws if the text is not a host pattern. */
  constructor(text: string) {
    if (text === '') {
      this.text = ''
      this.rank = 0
      this.name = ''
      this.suffix = ''
      this.port = -1
      return
    }
    const host = readHost(text.replace(/^\*(?=\.)/, ''))
    const wild = text.startsWith('*')
    const named = host?.name ?? ''
    if (host === null || host.port === 0 || !(wild ? WILD_NAME : NAME).test(named))
      throw new Error(`not a host: ${text}`)
    this.name = wild ? '' : named
    this.suffix = wild ? named : ''
    this.port = host.port
    this.text = `${wild ? '*' : ''}${named}${host.port < 0 ? '' : `:${host.port}`}`
    this.rank = (wild ? named.length : EXACT) * 2 + (host.port < 0 ? 0 : 1)
  }

  /** @param defaultPort the port of a host that names none */
  matches(host: Host, defaultPort: number): boolean {
    if (this.text === '') return true
    if (this.port >= 0 && this.port !== (host.port < 0 ? defaultPort : host.port)) return false
    if (this.suffix === '') return host.name === this.name
    return host.name.length > this.suffix.length && host.name.endsWith(this.suffix)
  }
}

/** The rank of an exact name, above every wildcard, whose rank is its length. */
const EXACT = 1_000_000
/** An address in brackets, or a registered name (RFC 3986 §3.2.2). A wildcard stands first or not at all. */
const NAME = /^(?:\[[\da-f:.]+\]|[\w~!$&'()+,;%-]+(?:\.[\w~!$&'()+,;%-]+)*)$/
const WILD_NAME = /^(?:\.[\w~!$&'()+,;%-]+)+$/
