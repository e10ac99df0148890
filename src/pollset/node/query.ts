// Questions to the name system, by Node's own DNS queries. Unlike the system's look-up (getaddrinfo), these
// return TTLs and SRV records and hold no thread. This file adds the sources that the system's look-up has
// besides DNS: the hosts file, `localhost` and the search list.

import { lookup, Resolver } from 'node:dns'
import { readFile } from 'node:fs'
import { isIP } from 'node:net'
import type { SocketFault } from '../door.js'
import { ANSWERED, addressRecord, type NameRecord, Query, type Question } from '../query.js'
import { faultOf } from './listener.js'
import {
  HOSTS_FILE,
  hostsOf,
  namesToAsk,
  ofOneFamily,
  RESOLV_CONF,
  type SearchOptions,
  searchOf,
  withoutDot,
} from './name-files.js'
import type { Marked, Marks } from './socket.js'

/** The time that a server gets for its first answer, in ms. It doubles with each try. */
const SERVER_MS = 1_000
const TRIES = 3

/**
 * Returns true if there is no such name, or no such records: the next domain of the search
 * list may have them.
 */
const isNone = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOTFOUND' || code === 'ENODATA'

const isLocalhost = (name: string): boolean => /(?:^|\.)localhost\.?$/i.test(name)

/** Reads a file of the system; '' if it is missing. */
const textOf = (path: string, then: (text: string) => void): void =>
  readFile(path, 'utf8', (error, text) => then(error === null ? text : ''))

export class NodeQuery extends Query implements Marked {
  readonly id: string
  marked = 0
  records: readonly NameRecord[] = []
  ttlMs: number | null = null
  fault: SocketFault | null = null
  private readonly question: Question
  private readonly marks: Marks
  /** Is called when no part of the query runs any longer. */
  private readonly over: (query: NodeQuery) => void
  private resolver: Resolver | null = null
  ended = false

  constructor(number: number, question: Question, marks: Marks, over: (query: NodeQuery) => void) {
    super()
    const { kind, name } = question
    this.id = `query${number}(${name})`
    this.question = question
    this.marks = marks
    this.over = over
    if (kind === 'services') this.askServers()
    else if (isIP(name) !== 0) this.found([name], null)
    else if (isLocalhost(name)) this.askSystem()
    else
      textOf(HOSTS_FILE, (text) => {
        const known = hostsOf(text, name)
        if (known.length > 0) this.found(known, null)
        else this.askServers()
      })
  }

  cancel(): void {
    if (!this.ended) this.end()
  }

  private end(): void {
    this.ended = true
    this.resolver?.cancel()
    this.over(this)
  }

  private answered(): void {
    if (this.ended) return
    this.end()
    this.marks.mark(this, ANSWERED)
  }

  private failed(error: NodeJS.ErrnoException): void {
    if (!this.ended) this.fault = faultOf(error)
    this.answered()
  }

  private found(addresses: readonly string[], ttlSeconds: number | null): void {
    if (this.ended) return
    this.records = addresses.map(addressRecord)
    this.ttlMs = ttlSeconds === null ? null : ttlSeconds * 1000
    this.answered()
  }

  private askSystem(): void {
    lookup(withoutDot(this.question.name), { all: true }, (error, found) => {
      if (error !== null) this.failed(error)
      else this.found(ofOneFamily(found.map((each) => each.address)), null)
    })
  }

  private askServers(): void {
    const { name, search } = this.question
    if (search !== null || name.endsWith('.')) this.askFor({ search: search ?? [], ndots: 1 })
    else textOf(RESOLV_CONF, (text) => this.askFor(searchOf(text)))
  }

  private askFor(options: SearchOptions): void {
    if (this.ended) return
    const { name, servers } = this.question
    try {
      // Each question gets a new resolver, because that reads the system's servers.
      this.resolver = new Resolver({ timeout: SERVER_MS, tries: TRIES })
      if (servers.length > 0) this.resolver.setServers(servers)
    } catch (error) {
      this.failed(error as NodeJS.ErrnoException)
      return
    }
    this.ask(this.resolver, namesToAsk(name, options), 0)
  }

  private ask(resolver: Resolver, names: readonly string[], at: number): void {
    const name = names[at]
    const failed = (error: NodeJS.ErrnoException): void => {
      if (this.ended) return
      // Silence says nothing about this name, so asking for the next of the list could give a wrong answer.
      if (isNone(error) && at + 1 < names.length) this.ask(resolver, names, at + 1)
      else this.failed(error)
    }
    if (this.question.kind === 'services') {
      resolver.resolveSrv(name, (error, found) => {
        if (error !== null) failed(error)
        else this.services(found)
      })
      return
    }
    const found = (records: readonly { address: string; ttl: number }[]): void =>
      this.found(
        records.map(({ address }) => address),
        Math.min(...records.map(({ ttl }) => ttl)),
      )
    resolver.resolve4(name, { ttl: true }, (error, v4) => {
      if (error === null && v4.length > 0) found(v4)
      else if (error !== null && error.code !== 'ENODATA') failed(error)
      else if (!this.ended)
        resolver.resolve6(name, { ttl: true }, (none, v6) => {
          if (none === null) found(v6)
          else failed(none)
        })
    })
  }

  private services(found: readonly { name: string; port: number; priority: number; weight: number }[]): void {
    if (this.ended) return
    this.records = found.map(({ name, port, priority, weight }) => ({ host: name, port, priority, weight }))
    this.answered()
  }
}
