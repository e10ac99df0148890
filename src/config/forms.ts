// The forms of texts: addresses, hosts, paths, patterns, names of fields. Each function returns the text in
// its normal spelling, or says what is wrong.

import { domainToASCII } from 'node:url'
import { addressVersion, Networks, UNIX_PATH_BYTES_MAX } from '../pollset/index.js'
import { automatonOf, ConnectPattern, HostPattern } from '../proxy/index.js'
import { type Reading, read, wrong } from './quantities.js'

const PORT_MAX = 65_535
const quoted = (text: string): string => JSON.stringify(text)

const isBareIpv6 = (text: string): boolean => /^[\da-f]*:[\da-f:.]*:[\da-f]*$/i.test(text)

function unixPath(text: string): Reading<string> {
  const path = text.slice('unix:'.length)
  const bytes = Buffer.byteLength(path)
  if (bytes === 0) return wrong(`${quoted(text)} has no path; write unix:/run/app.sock`)
  if (path.includes('\0')) return wrong(`${quoted(text)} has a NUL; write a path`)
  return bytes > UNIX_PATH_BYTES_MAX
    ? wrong(`the path of ${quoted(text)} has ${bytes} bytes; at most ${UNIX_PATH_BYTES_MAX} are possible`)
    : read(text)
}

function portOf(text: string, least: number): Reading<number> {
  const port = Number(text)
  return port >= least && port <= PORT_MAX
    ? read(port)
    : wrong(`port ${text} is out of range; write ${least} to ${PORT_MAX}`)
}

const HOST_PORT = /^(\[[\da-f:.]+\]|[^[\]:/?#@\s]*):(\d{1,9})$/i

/**
 * Reads `HOST:PORT`, `:PORT` (all interfaces), `PORT` (loopback) or `unix:PATH`. Port 0 takes a free port.
 */
export function readListenAddress(text: string): Reading<string> {
  if (text.startsWith('unix:')) return unixPath(text)
  if (/^https?:\/\//i.test(text))
    return wrong(`${quoted(text)} begins with a scheme; write HOST:PORT, and tls beside it for https`)
  const match = HOST_PORT.exec(/^\d{1,9}$/.test(text) ? `127.0.0.1:${text}` : text)
  if (match === null)
    return wrong(
      `${quoted(text)} is not an address to listen on; write HOST:PORT, :PORT or unix:PATH${brackets(text)}`,
    )
  const port = portOf(match[2], 0)
  if ('wrong' in port) return port
  if (match[1].startsWith('[') && !isIpv6(match[1])) return wrong(`${match[1]} is not an IPv6 address`)
  return read(`${match[1]}:${port.value}`)
}

const brackets = (text: string): string =>
  isBareIpv6(text) ? '; an IPv6 address has brackets, as in [::1]:8080' : ''

const isIpv6 = (bracketed: string): boolean => URL.canParse(`http://${bracketed}`)

/** Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. */
export function readEndpoint(text: string): Reading<string> {
  if (text.startsWith('unix:')) return unixPath(text)
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)
  if (scheme !== null)
    return wrong(
      `${quoted(text)} begins with a scheme; write HOST:PORT here, and protocol: ${scheme[1].toLowerCase()} in the backend`,
    )
  const match = HOST_PORT.exec(text)
  if (match === null || match[1] === '') {
    const bare = isBareIpv6(text)
      ? brackets(text)
      : /^[\w.-]+$/.test(text) && !/^\d+$/.test(text)
        ? `, as ${text}:80`
        : ''
    return wrong(`${quoted(text)} is not an endpoint; write HOST:PORT or unix:PATH${bare}`)
  }
  const port = portOf(match[2], 1)
  if ('wrong' in port) return port
  if (match[1].startsWith('[') && !isIpv6(match[1])) return wrong(`${match[1]} is not an IPv6 address`)
  return read(`${match[1].toLowerCase()}:${port.value}`)
}

/** Reads `10.0.0.0/8`, an address, or `unix` for peers on Unix-domain sockets. */
export function readNetwork(text: string): Reading<string> {
  try {
    new Networks([text])
    return read(text)
  } catch {
    return wrong(`${quoted(text)} is not a network; write ADDRESS/BITS, as 10.0.0.0/8, an address, or unix`)
  }
}

/** Reads a DNS server: `ADDRESS` or `ADDRESS:PORT`. */
export function readResolverAddress(text: string): Reading<string> {
  const match = /^(?:\[([^\]/]+)\]|([^:/]+))(?::(\d{1,5}))?$/.exec(text)
  const address = isBareIpv6(text) ? text : (match?.[1] ?? match?.[2])
  const port = Number(match?.[3] ?? 53)
  if (address === undefined || addressVersion(address) === 0 || port === 0 || port > PORT_MAX)
    return wrong(
      `${quoted(text)} is not a DNS server; write ADDRESS or ADDRESS:PORT, as 10.0.0.2 or [fd00::2]:53`,
    )
  return read(text)
}

/** Reads a target of CONNECT. */
export function readConnectTarget(text: string): Reading<string> {
  try {
    new ConnectPattern(text)
    return read(text)
  } catch {
    return wrong(
      `${quoted(text)} is not a CONNECT target; write HOST:PORT, as db.example.org:5432, "*.example.org:443" or "*:22"`,
    )
  }
}

/**
 * Reads the host of a route: a name, `*.DOMAIN` or an address, with or without a port. Requests
 * name it in ASCII.
 */
export function readHostPattern(text: string): Reading<string> {
  const form =
    'write example.org, "*.example.org" for all names below it, or "[::1]", each with or without a port'
  if (text.includes('/')) return wrong(`${quoted(text)} is not a host; ${form}`)
  try {
    const [, name, port] = /^(.*?)(:\d*)?$/s.exec(text) as RegExpExecArray
    const ascii = /[^ -~]/.test(name) ? domainToASCII(name) || '?' : name
    const pattern = new HostPattern(`${ascii}${port ?? ''}`).text
    if (pattern !== '') return read(pattern)
  } catch {
    // The sentence below says it.
  }
  return wrong(`${quoted(text)} is not a host; ${form}`)
}

/** The most characters of a pattern: a longer one makes a program that no request needs. */
const PATTERN_MAX = 1_000

/**
 * Reads a regular expression of RE2. It builds the automaton only to find mistakes, and patterns
 * that are too large.
 */
export function readPattern(text: string): Reading<string> {
  if (text === '') return wrong('the pattern is empty; write a regular expression')
  if (text.length > PATTERN_MAX)
    return wrong(`the pattern has ${text.length} characters; at most ${PATTERN_MAX} are possible`)
  try {
    automatonOf(text)
    return read(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return wrong(`not a regular expression of RE2 that can be used: ${why}`)
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/

export function readMethod(text: string): Reading<string> {
  if (!TOKEN.test(text)) return wrong(`${quoted(text)} is not a method; write a word, as GET`)
  const upper = text.toUpperCase()
  // Methods are case-sensitive (RFC 9110 §9.1). One in lower case matches no real request.
  return text === upper ? read(text) : wrong(`methods are in upper case; write ${upper}`)
}

/** Reads the name of a field, in lower case. */
export function readFieldName(text: string): Reading<string> {
  if (text.startsWith(':'))
    return wrong(`${quoted(text)} is a pseudo-field; match hosts, path and methods instead`)
  return TOKEN.test(text) ? read(text.toLowerCase()) : wrong(`${quoted(text)} is not the name of a field`)
}

/** Reads the value of a field. */
export function readFieldValue(text: string): Reading<string> {
  if (/[\0-\x08\x0a-\x1f\x7f]|[^\0-\xff]/.test(text))
    return wrong('a field value cannot have line ends, other control characters, or characters above U+00FF')
  return text === text.trim() ? read(text) : wrong('a field value cannot begin or end with blanks')
}

/** Returns true if a text may name a listener, a backend, a certificate or a route. */
export const isName = (text: string): boolean => /^[A-Za-z\d](?:[\w.-]{0,62}[A-Za-z\d_])?$/.test(text)
export const NAME_FORM = 'a name has 1 to 64 letters, digits and . - _, and begins with a letter or digit'

export function readPem(text: string, kind: 'CERTIFICATE' | 'PRIVATE KEY'): Reading<string> {
  const has =
    kind === 'CERTIFICATE'
      ? /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/
      : /-----BEGIN [A-Z ]*PRIVATE KEY-----/
  if (has.test(text)) return read(text)
  // The text is most likely a path where the content belongs.
  const path = /^[^\n]{1,200}$/.test(text) && !text.includes('-----')
  if (path && kind === 'CERTIFICATE')
    return wrong(`${quoted(text)} is not PEM; to read a file write { file: ${text} }`)
  return wrong(`this is not a PEM ${kind.toLowerCase()}; write { file: PATH }`)
}
