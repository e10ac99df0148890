// Hosts, of requests and of routes, as they are compared (RFC 3986 §6.2.2, §6.2.3): `EXAMPLE.org`,
// `example.org.` and `example.org:` are one host, `[::1]` and `[0:0:0:0:0:0:0:1]` are one address, and a port
// that is left out is the scheme's own.

/** An authority taken apart. */
export interface Host {
  /** In lower case, without a last dot; an IPv6 address in brackets, in its one short form. */
  readonly name: string
  /** -1 where none is named. */
  readonly port: number
}

const PARTS = /^(\[[\da-f:.]+\]|[^[\]:/?#@\s]+)(?::(\d{0,5}))?$/i
const PORT_MAX = 65_535

/** Percent-encoded unreserved characters are what they stand for (RFC 3986 §6.2.2.2). */
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

/** The parts of an authority; null where it is none. */
export function readHost(authority: string): Host | null {
  const match = PARTS.exec(authority)
  if (match === null) return null
  const port = match[2] === undefined || match[2] === '' ? -1 : Number(match[2])
  return port > PORT_MAX ? null : { name: nameOf(match[1]), port }
}

export const defaultPort = (scheme: string | undefined): number => (scheme === 'https' ? 443 : 80)

/** What a route says of hosts: nothing, one host, or `*.DOMAIN`, each with or without a port. */
export class HostPattern {
  /** Its one spelling; '' for every host. */
  readonly text: string
  /**
   * The more exact, the higher: a port counts less than a name, a wildcard less than both, the longer first.
   */
  readonly rank: number
  private readonly name: string
  /** `.example.org` of `*.example.org`; '' where the host is no wildcard. */
  private readonly suffix: string
  private readonly port: number

  /** Throws where it is none. */
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
      throw new Error(`no host: ${text}`)
    this.name = wild ? '' : named
    this.suffix = wild ? named : ''
    this.port = host.port
    this.text = `${wild ? '*' : ''}${named}${host.port < 0 ? '' : `:${host.port}`}`
    this.rank = (wild ? named.length : EXACT) * 2 + (host.port < 0 ? 0 : 1)
  }

  /** `defaultPort`: what a host that names no port means. */
  matches(host: Host, defaultPort: number): boolean {
    if (this.text === '') return true
    if (this.port >= 0 && this.port !== (host.port < 0 ? defaultPort : host.port)) return false
    if (this.suffix === '') return host.name === this.name
    return host.name.length > this.suffix.length && host.name.endsWith(this.suffix)
  }
}

/** An exact name ranks above every wildcard: no name is that long. */
const EXACT = 1_000_000
/**
 * An address in brackets, or characters of a name (RFC 3986 §3.2.2); a wildcard stands first or not at all.
 */
const NAME = /^(?:\[[\da-f:.]+\]|[\w~!$&'()+,;%-]+(?:\.[\w~!$&'()+,;%-]+)*)$/
const WILD_NAME = /^(?:\.[\w~!$&'()+,;%-]+)+$/
