// The client of a request as reported by its trusted proxies: they write the client's address, scheme and
// host into forwarding fields (RFC 7239; X-Forwarded-*). Only fields that the configuration lists are
// trusted, and only from a connection of a trusted address (spec/forwarding.md). Anyone can write the left of
// a list, since each proxy appends. So lists are read from the right, and only as far as they are trusted.

import { type Client, type Field, type Head, IDENTITY_FIELDS, Token, tokenSet } from '../http/index.js'
import { canonicalAddress, type Networks } from '../pollset/index.js'
import { type ForwardedElement, fromTheRight, nodeAddress, readElement } from './forwarded.js'

/** The client of a request, and the scheme and host that it asked for. */
export interface ClientView {
  /** The address without a port, in its shortest form; '' if the peer has none. */
  readonly address: string
  /** `http` or `https`; null: as the connection says. */
  readonly scheme: 'http' | 'https' | null
  /** An authority; null: as the request says. */
  readonly host: string | null
  /** The trusted proxies between the client and our peer, the client's neighbour first. */
  readonly through: readonly string[]
}

/** The most addresses that are read from one request. Addresses farther left are not trusted. */
const ADDRESSES_MAX = 64
/** The length of a name of 253 characters, with a port. */
const HOST_CHARACTERS_MAX = 259
const HOST = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** The schemes by their written names. Some proxies call the scheme of a WebSocket `wss`. */
const SCHEMES: Readonly<Record<string, 'http' | 'https'>> = {
  http: 'http',
  https: 'https',
  ws: 'http',
  wss: 'https',
}

const schemeOf = (text: string): 'http' | 'https' | null => {
  const name = text.toLowerCase()
  return Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : null
}

const hostOf = (text: string): string | null =>
  text.length <= HOST_CHARACTERS_MAX && HOST.test(text) ? text : null

/**
 * Fields of a client that no backend gets (spec/exchange.md, Fields): claimed identities, names that could be
 * read as framing, and HTTP2-Settings, which is for the next hop only (RFC 7540 §3.2.1) although HTTP/2 does
 * not call it malformed.
 */
const STRIPPED = tokenSet(...IDENTITY_FIELDS, Token.FRAMING_LOOKALIKE, Token.HTTP2_SETTINGS)

const NO_FIELDS: readonly Field[] = []

export class TrustedProxies {
  private readonly networks: Networks
  private readonly names: ReadonlySet<string>

  /** @param fields the names of trusted fields, in lower case. A name with `_` is never trusted. */
  constructor(networks: Networks, fields: readonly string[]) {
    this.networks = networks
    this.names = new Set(fields.filter((name) => !name.includes('_')))
  }

  /** Returns true if this field, which describes a client, passes as a trusted proxy wrote it. */
  passes({ token, name }: Field): boolean {
    return token === Token.CLAIM && this.names.has(name)
  }

  /**
   * Drops the claims of a request: all known fields that describe a client, and those that the configuration
   * lists (N1, N2). Fields of a trusted proxy stay if they are listed, but in no other spelling.
   * @param view the client of the request; null if its peer is not trusted
   */
  dropClaims(request: Head, view: ClientView | null): readonly Field[] {
    const kept = view === null ? NO_FIELDS : request.fields.filter((each) => this.passes(each))
    request.remove(STRIPPED)
    if (this.names.size > 0)
      request.removeNamed(
        (name) => (view === null || name.includes('_')) && this.names.has(name.replaceAll('_', '-')),
      )
    return kept
  }

  /** Returns true if this field is trusted. */
  believes(name: string): boolean {
    return this.names.has(name)
  }

  /** Returns the client as reported by the trusted proxies; null if the peer is the client. */
  viewOf(client: Client, { fields }: Head): ClientView | null {
    if (this.names.size === 0) return null
    // A relay's connection has the source that its PROXY header names. The relay wrote the last values, but
    // only the source can know of earlier addresses.
    const { host: source } = client.addresses.from
    const believesSource = this.networks.has(source)
    if (!believesSource && !this.networks.has(client.neighbour.host)) return null
    const elements = this.elementsOf(fields, believesSource ? ADDRESSES_MAX : 1)
    const chain = believesSource ? this.chainOf(fields, elements) : []
    const passed: string[] = []
    let address = canonicalAddress(source) ?? ''
    let read = 0
    while (read < chain.length) {
      const next = chain[read++]
      // An obfuscated or malformed identifier (RFC 7239 §6.3) names nobody: nothing is known
      // beyond its writer.
      if (next === null) break
      if (address !== '') passed.push(address)
      address = next
      if (!this.networks.has(address)) break
    }
    // The elements that these proxies have written, the client's neighbour first.
    const believed = elements.slice(0, Math.max(read, 1)).reverse()
    const said = (name: string): string | null =>
      believed.find((each) => each?.get(name) !== undefined)?.get(name) ?? null
    const scheme = this.last(fields, 'x-forwarded-proto') ?? said('proto')
    const host = this.last(fields, 'x-forwarded-host') ?? said('host')
    return {
      address,
      scheme: scheme === null ? null : schemeOf(scheme),
      host: host === null ? null : hostOf(host),
      // The peer comes first in `passed`, and is not between.
      through: passed.slice(source === '' ? 0 : 1).reverse(),
    }
  }

  /** Returns the elements of Forwarded, the last one first; null for a malformed element. */
  private elementsOf(fields: readonly Field[], most: number): (ForwardedElement | null)[] {
    return this.names.has('forwarded')
      ? fromTheRight(fields, 'forwarded', most).map((each) => readElement(each))
      : []
  }

  /** Returns the reported addresses, the last one first; null for an element without an address. */
  private chainOf(
    fields: readonly Field[],
    elements: readonly (ForwardedElement | null)[],
  ): (string | null)[] {
    if (this.names.has('forwarded')) return elements.map((each) => nodeAddress(each?.get('for') ?? ''))
    if (this.names.has('x-forwarded-for')) {
      const told = fromTheRight(fields, 'x-forwarded-for', ADDRESSES_MAX)
      if (told.length > 0) return told.map(nodeAddress)
    }
    const real = this.last(fields, 'x-real-ip')
    return real === null ? [] : [nodeAddress(real)]
  }

  /** Returns the last value of a trusted field, written by the nearest proxy. */
  private last(fields: readonly Field[], name: string): string | null {
    return this.names.has(name) ? (fromTheRight(fields, name, 1)[0] ?? null) : null
  }
}
