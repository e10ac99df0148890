// The PROXY protocol, versions 1 and 2 (spec/proxy-protocol.md): a sans-IO reader and a writer. The reader
// keeps only the addresses of a header; it counts and skips TLVs.

import { addressVersion } from '../pollset/index.js'
import type { AddressPair } from './address-pair.js'

export type ProxyVersion = 'v1' | 'v2'

const V1_BEGINS = Buffer.from('PROXY ', 'latin1')
const V1_MAX = 107
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** The bytes of signature, version and command, family and transport, and length. */
const V2_BEGINS_BYTES = 16

const COMMAND_AT = 12
const FAMILY_AT = 13
const LENGTH_AT = 14
const LOCAL = 0x20
const PROXY = 0x21
const INET = 1
const INET6 = 2
const TRANSPORTS = 3
/** The bytes of both addresses and ports, by family. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const
const KEPT_BYTES = Math.max(V1_MAX, V2_BEGINS_BYTES + ADDRESS_BYTES[INET6])

const CR = 13
const LF = 10

export type ProxyHeaderState = 'reading' | 'whole' | 'wrong'

export class ProxyHeaderReader {
  state: ProxyHeaderState = 'reading'
  /** The addresses in a `whole` header; null if it has none: then those of the socket count. */
  addresses: AddressPair | null = null
  private readonly head = Buffer.allocUnsafe(KEPT_BYTES)
  private readonly bytesMax: number
  /** The number of bytes read. */
  private size = 0
  /** The bytes of the whole header; 0 while unknown. */
  private total = 0

  /** @param bytesMax the most bytes of a version 2 header; at least what its addresses need */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** True once a byte of the header has come. */
  get begun(): boolean {
    return this.size > 0
  }

  /** Reads a chunk. Returns the number of bytes that belonged to the header. */
  feed(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && this.state === 'reading') this.octet(chunk[at++])
    return at
  }

  private octet(octet: number): void {
    const at = this.size++
    if (at < KEPT_BYTES) this.head[at] = octet
    if (this.head[0] === V1_BEGINS[0]) this.version1(at, octet)
    else this.version2(at, octet)
  }

  private version1(at: number, octet: number): void {
    const afterCr = at > 0 && this.head[at - 1] === CR
    if (at < V1_BEGINS.length) {
      if (octet !== V1_BEGINS[at]) this.state = 'wrong'
    } else if (afterCr && octet === LF) this.line(this.head.toString('latin1', V1_BEGINS.length, at - 1))
    else if (afterCr || octet === LF || this.size === V1_MAX) this.state = 'wrong'
  }

  private line(text: string): void {
    this.state = 'whole'
    const [family, from, to, fromPort, toPort, ...more] = text.split(' ')
    if (family === 'UNKNOWN') return
    const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0
    const right =
      version !== 0 &&
      more.length === 0 &&
      addressVersion(from ?? '') === version &&
      addressVersion(to ?? '') === version &&
      isPort(fromPort) &&
      isPort(toPort)
    if (right) this.addresses = endsAt(from, Number(fromPort), to, Number(toPort))
    else this.state = 'wrong'
  }

  private version2(at: number, octet: number): void {
    if (at < SIGNATURE.length) {
      if (octet !== SIGNATURE[at]) this.state = 'wrong'
    } else if (at === COMMAND_AT) {
      if (octet !== LOCAL && octet !== PROXY) this.state = 'wrong'
    } else if (at === FAMILY_AT) {
      const known = octet >> 4 < ADDRESS_BYTES.length && (octet & 15) < TRANSPORTS
      if (!known && this.head[COMMAND_AT] === PROXY) this.state = 'wrong'
    } else if (at === V2_BEGINS_BYTES - 1) this.length(this.head.readUInt16BE(LENGTH_AT))
    if (this.size === this.total && this.state === 'reading') this.readAddresses()
  }

  private length(bytes: number): void {
    this.total = V2_BEGINS_BYTES + bytes
    const least = this.head[COMMAND_AT] === PROXY ? ADDRESS_BYTES[this.head[FAMILY_AT] >> 4] : 0
    if (bytes < least || this.total > this.bytesMax) this.state = 'wrong'
  }

  private readAddresses(): void {
    this.state = 'whole'
    const { head } = this
    if (head[COMMAND_AT] === LOCAL || (head[FAMILY_AT] & 15) === 0) return
    const family = head[FAMILY_AT] >> 4
    if (family !== INET && family !== INET6) return
    const size = family === INET ? 4 : 16
    const text = (at: number) => textOf(head.subarray(at, at + size))
    const from = V2_BEGINS_BYTES
    const ports = from + 2 * size
    this.addresses = endsAt(
      text(from),
      head.readUInt16BE(ports),
      text(from + size),
      head.readUInt16BE(ports + 2),
    )
  }
}

const endsAt = (from: string, fromPort: number, to: string, toPort: number): AddressPair => ({
  from: { host: from, port: fromPort },
  to: { host: to, port: toPort },
})

const isPort = (text: string | undefined): boolean =>
  text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff

/** Returns an IPv6 address in the form of RFC 5952. */
function canonicalV6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

const textOf = (bytes: Buffer): string =>
  bytes.length === 4 ? bytes.join('.') : canonicalV6((bytes.toString('hex').match(/.{4}/g) ?? []).join(':'))

function octetsOf(host: string, version: 4 | 6): Buffer {
  if (version === 4) return Buffer.from(host.split('.').map(Number))
  const [before, after = ''] = canonicalV6(host).split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const [first, last] = [groups(before), groups(after)]
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0')
  const hex = [...first, ...zeros, ...last].map((each) => each.padStart(4, '0')).join('')
  return Buffer.from(hex, 'hex')
}

/** Returns the header of a connection made for a client; with null, for no particular client. */
export function proxyHeader(protocol: ProxyVersion, ends: AddressPair | null): Buffer {
  const version = ends === null ? 0 : addressVersion(ends.from.host)
  if (ends === null || version === 0 || addressVersion(ends.to.host) !== version)
    return protocol === 'v1'
      ? Buffer.from('PROXY UNKNOWN\r\n', 'latin1')
      : Buffer.from([...SIGNATURE, LOCAL, 0, 0, 0])
  const { from, to } = ends
  if (protocol === 'v1')
    return Buffer.from(`PROXY TCP${version} ${from.host} ${to.host} ${from.port} ${to.port}\r\n`, 'latin1')
  const family = version === 4 ? INET : INET6
  const bytes = ADDRESS_BYTES[family]
  const stream = (family << 4) | 1
  const ports = [from.port >> 8, from.port & 255, to.port >> 8, to.port & 255]
  const first = Buffer.from([...SIGNATURE, PROXY, stream, bytes >> 8, bytes & 255])
  return Buffer.concat([first, octetsOf(from.host, version), octetsOf(to.host, version), Buffer.from(ports)])
}
