// The client of a request as its trusted proxies tell it: they write the client's address, scheme and host
// into forwarding fields (RFC 7239; X-Forwarded-*). Only fields that the configuration lists are believed,
// and only from a connection of a trusted address. Addresses are read from the right, since each proxy
// appends the one that it got the request from: the first that is not trusted is the client's.

import { type Client, type Field, type Head, Token } from '../http/index.js'
import { Networks, numericHost } from '../pollset/index.js'

/** Who sent a request, and what for. */
export interface ClientView {
  /** Without a port. */
  readonly address: string
  /** `http` or `https`; null as the connection says. */
  readonly scheme: 'http' | 'https' | null
  /** An authority; null as the request says. */
  readonly host: string | null
  /** The proxies between the client and our peer, as they were named, the client's neighbour first. */
  readonly through: readonly string[]
}

/** The addresses that are read of one request. What is farther left is not believed. */
const ADDRESSES_MAX = 64
const HOST = /^[\w.~!$&'()*+,;=%-]+(?::\d{1,5})?$|^\[[\da-fA-F:.]+\](?::\d{1,5})?$/

const listOf = (fields: readonly Field[], token: number): string[] =>
  fields
    .filter((each) => each.token === token)
    .flatMap((each) => each.value.split(','))
    .map((each) => each.trim())

/**
 * Returns the numeric address of `192.0.2.1:80`, `[2001:db8::1]:80` or an address alone; null of all else.
 */
function addressOf(text: string): string | null {
  const [, six, four] =
    /^"?(?:\[([\da-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+)(?::\d+)?|[\da-f:.]+)"?$/i.exec(text) ?? []
  const host = numericHost(six ?? four ?? text.replace(/^"|"$/g, ''))
  try {
    new Networks([host])
    return host.includes('/') ? null : host
  } catch {
    return null
  }
}

/** The believed elements of Forwarded (RFC 7239 §4), one for each proxy. */
function elementsOf(fields: readonly Field[]): ReadonlyMap<string, string>[] {
  return listOf(fields, Token.FORWARDED).map((element) => {
    const pairs = element.split(';').map((pair): [string, string] => {
      const at = pair.indexOf('=')
      return [
        pair.slice(0, at).trim().toLowerCase(),
        pair
          .slice(at + 1)
          .trim()
          .replace(/^"|"$/g, ''),
      ]
    })
    return new Map(pairs)
  })
}

export class TrustedProxies {
  private readonly networks: Networks
  private readonly names: ReadonlySet<string>

  /** @param fields the names of believed fields, in lower case */
  constructor(networks: Networks, fields: readonly string[]) {
    this.networks = networks
    this.names = new Set(fields)
  }

  /** Whether this field of a trusted proxy passes as it is: `traceparent`, for one. */
  passes(field: Field): boolean {
    return this.names.has(field.name) && !REWRITTEN.has(field.name)
  }

  /** Returns what the trusted proxies say of the client; null where the peer is the client. */
  viewOf(client: Client, { fields }: Head): ClientView | null {
    const peer = client.addresses.from.host
    if (this.names.size === 0 || !this.networks.has(peer)) return null
    const elements = this.names.has('forwarded') ? elementsOf(fields) : []
    const [address, through] = this.walk(peer, this.chainOf(fields, elements))
    const last = elements.at(-1)
    const scheme = (
      this.said(fields, 'x-forwarded-proto', Token.X_FORWARDED_PROTO) ?? last?.get('proto')
    )?.toLowerCase()
    const host = this.said(fields, 'x-forwarded-host', Token.X_FORWARDED_HOST) ?? last?.get('host')
    return {
      address,
      scheme: scheme === 'http' || scheme === 'https' ? scheme : null,
      host: host !== undefined && HOST.test(host) ? host : null,
      through,
    }
  }

  /** Returns the last value of a believed field: the nearest proxy has written it. */
  private said(fields: readonly Field[], name: string, token: number): string | undefined {
    return this.names.has(name)
      ? listOf(
          fields.filter((each) => each.name === name),
          token,
        ).at(-1)
      : undefined
  }

  private chainOf(fields: readonly Field[], elements: readonly ReadonlyMap<string, string>[]): string[] {
    if (this.names.has('forwarded')) return elements.map((each) => each.get('for') ?? '')
    if (this.names.has('x-forwarded-for'))
      return listOf(
        fields.filter((each) => each.name === 'x-forwarded-for'),
        Token.X_FORWARDED_FOR,
      )
    const real = this.said(fields, 'x-real-ip', Token.X_REAL_IP)
    return real === undefined ? [] : [real]
  }

  /** Walks from the right to the first address that is not trusted. */
  private walk(peer: string, chain: readonly string[]): [string, string[]] {
    let address = peer
    const through: string[] = []
    for (const text of chain.slice(-ADDRESSES_MAX).reverse()) {
      const next = addressOf(text)
      // An obfuscated or malformed identifier (RFC 7239 §6.3) names nobody: its proxy is as far as we see.
      if (next === null) break
      if (address !== peer) through.unshift(address)
      address = next
      if (!this.networks.has(address)) break
    }
    return [address, through]
  }
}

/** The believed fields that we write anew. */
const REWRITTEN: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
])
