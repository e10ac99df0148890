// Backends, endpoints and routes that the program adds, drains and removes while its server runs. Each change
// is an edit of the server's document, and is applied like a reload: parts that stay keep their sessions,
// health and load. Edits of one turn are applied together.

import type { Balancer } from '../balancing/index.js'
import type { Backend, Endpoint } from '../proxy/index.js'
import { ConfigError } from './address.js'
import type { BackendInput, RouteInput } from './define-config.js'
import { type ConfigurationDocument, isDocument, type Routing } from './origins.js'

type Plain = Readonly<Record<string, unknown>>

/** `HOST:PORT` or `unix:PATH`, with a weight if it is not 1. */
export type RuntimeEndpoint = string | { readonly address: string; readonly weight?: number }

/** A backend that was added, or that is in the document. */
export interface RuntimeBackend {
  readonly name: string
  /** Resolves when it serves, or rejects with the mistake. */
  readonly applied: Promise<void>
  readonly endpoints: {
    /** Returns the addresses, including draining ones. */
    list(): readonly string[]
    /** Adds an endpoint; one of the same address gets this weight. */
    add(endpoint: RuntimeEndpoint): Promise<void>
    /**
     * Gives an endpoint no new requests, and removes it when its last one has ended: then it resolves.
     * Tunnels are requests too.
     */
    drain(address: string): Promise<void>
  }
  /** Removes it; its requests end first. Routes that name it must be removed before. */
  remove(): Promise<void>
}

export interface RuntimeBackends {
  /** Adds a backend, in the shape of the file; it may have no endpoints yet. Throws if the name is taken. */
  add(name: string, backend: BackendInput): RuntimeBackend
  /** Returns the backend of this name; null without one. */
  get(name: string): RuntimeBackend | null
}

export interface RuntimeRoutes {
  /** Adds a route in the shape of the file, or replaces the one of this name. */
  set(name: string, route: Omit<RouteInput, 'name'>): Promise<void>
  remove(name: string): Promise<void>
}

/** The parts of a server that runtime changes need. */
export interface RuntimeHost {
  /** Serves a document. */
  apply(document: ConfigurationDocument): Promise<void>
  /** Returns a backend's balancer, and its endpoint of this address; null if it has none. */
  endpointOf(backend: string, address: string): { balancer: Balancer; endpoint: Endpoint } | null
  /** Returns ms of the pollset's clock. */
  now(): number
}

/** Finds the endpoint of this address, and its backend's balancer; null if there is none. */
export function endpointIn(
  backends: readonly Backend[],
  name: string,
  address: string,
): { balancer: Balancer; endpoint: Endpoint } | null {
  const backend = backends.find((each) => each.name === name)
  const endpoint = backend?.endpoints.find((each) => each.name.endsWith(`://${address}`))
  return backend === undefined || endpoint === undefined ? null : { balancer: backend.balancer, endpoint }
}

type Edit = (document: ConfigurationDocument) => ConfigurationDocument

interface Waiting {
  readonly edit: Edit
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

const addressOf = (endpoint: RuntimeEndpoint): string =>
  typeof endpoint === 'string' ? endpoint : endpoint.address

const backendsOf = ({ backends = {} }: ConfigurationDocument): Readonly<Record<string, Plain>> =>
  backends as Readonly<Record<string, Plain>>

const routesOf = ({ routes = [] }: ConfigurationDocument): readonly Plain[] => routes as readonly Plain[]

const endpointsOf = (backend: Plain | undefined): readonly RuntimeEndpoint[] =>
  (backend?.['endpoints'] ?? []) as readonly RuntimeEndpoint[]

const isEmpty = (backend: Plain | undefined): boolean =>
  backend !== undefined &&
  backend['discovery'] === undefined &&
  backend['handler'] === undefined &&
  endpointsOf(backend).length === 0

/** The answer in place of a backend without endpoints. */
const NO_ENDPOINT = { status: 503, body: '503 no-endpoint\n', fields: { 'x-fermata': 'no-endpoint' } }

/**
 * Returns the document in the form that is served: a backend without endpoints is not allowed, so
 * its routes answer.
 */
function served(document: ConfigurationDocument): ConfigurationDocument {
  const backends = backendsOf(document)
  const all = Object.entries(backends)
  if (!all.some(([, each]) => isEmpty(each))) return document
  const routes = routesOf(document).map((route) => {
    const { backend, ...others } = route
    return typeof backend === 'string' && isEmpty(backends[backend])
      ? { ...others, answer: NO_ENDPOINT }
      : route
  })
  return { ...document, routes, backends: Object.fromEntries(all.filter(([, each]) => !isEmpty(each))) }
}

export class Runtime {
  /** The last written document, which may have backends without endpoints. */
  private written: ConfigurationDocument | null
  private waiting: Waiting[] = []
  private isApplying = false
  private readonly host: RuntimeHost

  /** @param document null if the server has the short form */
  constructor(host: RuntimeHost, document: ConfigurationDocument | null) {
    this.host = host
    this.written = document
  }

  /** Notes that another document, or the short form, serves now. */
  replaced(change: Routing | ConfigurationDocument): void {
    this.written = isDocument(change) ? change : null
  }

  readonly backends: RuntimeBackends = {
    add: (name, backend) => {
      if (Object.hasOwn(backendsOf(this.document), name))
        throw new ConfigError(`there is a backend ${name} already; add endpoints to it, or take another name`)
      const applied = this.change((document) => ({
        ...document,
        backends: { ...backendsOf(document), [name]: backend },
      }))
      return this.backendOf(name, applied)
    },
    get: (name) =>
      Object.hasOwn(backendsOf(this.document), name) ? this.backendOf(name, Promise.resolve()) : null,
  }

  readonly routes: RuntimeRoutes = {
    set: (name, route) =>
      this.change((document) => {
        const named = { ...route, name }
        const routes = [...routesOf(document)]
        const at = routes.findIndex((each) => each['name'] === name)
        if (at < 0) routes.push(named)
        else routes[at] = named
        return { ...document, routes }
      }),
    remove: (name) =>
      this.change((document) => {
        const routes = routesOf(document).filter((each) => each['name'] !== name)
        if (routes.length === routesOf(document).length) throw new ConfigError(`there is no route ${name}`)
        return { ...document, routes }
      }),
  }

  private get document(): ConfigurationDocument {
    if (this.written === null)
      throw new ConfigError(
        'this server has the short form; give createServer a document with listeners to change it while it runs',
      )
    return this.written
  }

  private backendOf(name: string, applied: Promise<void>): RuntimeBackend {
    const editEndpoints = (edit: (before: readonly RuntimeEndpoint[]) => readonly RuntimeEndpoint[]) =>
      this.change((document) => {
        const backends = backendsOf(document)
        const backend = backends[name]
        if (backend === undefined) throw new ConfigError(`there is no backend ${name} any more`)
        const endpoints = edit(endpointsOf(backend))
        return { ...document, backends: { ...backends, [name]: { ...backend, endpoints } } }
      })
    const without = (address: string) => (before: readonly RuntimeEndpoint[]) =>
      before.filter((each) => addressOf(each) !== address)
    return {
      name,
      applied,
      endpoints: {
        list: () => endpointsOf(backendsOf(this.document)[name]).map(addressOf),
        add: (endpoint) => editEndpoints((before) => [...without(addressOf(endpoint))(before), endpoint]),
        drain: async (address) => {
          this.checkEndpoint(name, address)
          await this.drained(name, address)
          await editEndpoints(without(address))
        },
      },
      remove: () =>
        this.change((document) => {
          const { [name]: _, ...backends } = backendsOf(document)
          return { ...document, backends }
        }),
    }
  }

  private checkEndpoint(backend: string, address: string): void {
    const addresses = endpointsOf(backendsOf(this.document)[backend]).map(addressOf)
    if (addresses.includes(address)) return
    const known = addresses.length === 0 ? 'it has none' : `its endpoints are ${addresses.join(', ')}`
    throw new ConfigError(`backend ${backend} has no endpoint ${address}; ${known}`)
  }

  /** Gives an endpoint no new requests, as an operator's overlay does; resolves when it has none. */
  private drained(backend: string, address: string): Promise<void> {
    return new Promise((resolve) => {
      const found = this.host.endpointOf(backend, address)
      if (found === null) {
        resolve()
        return
      }
      const { balancer, endpoint } = found
      const { member } = endpoint
      balancer.overlay(
        member,
        { weight: null, drain: true, block: true, until: Number.POSITIVE_INFINITY },
        this.host.now(),
      )
      endpoint.whenIdle(resolve)
    })
  }

  /** Applies an edit, with others of this turn. */
  private change(edit: Edit): Promise<void> {
    const changed = new Promise<void>((done, failed) => {
      this.waiting.push({ edit, done, failed })
      // Edits that are made one after another, without waiting, are applied together.
      if (this.waiting.length === 1 && !this.isApplying) Promise.resolve().then(() => this.applyAll())
    })
    // A program that does not wait for it learns of mistakes by `reloaded`.
    changed.catch(() => {})
    return changed
  }

  private async applyAll(): Promise<void> {
    this.isApplying = true
    while (this.waiting.length > 0) {
      const batch = this.waiting
      this.waiting = []
      if (await this.applies(batch)) continue
      // One of the edits is wrong: each is applied alone.
      if (batch.length > 1) for (const each of batch) await this.applies([each], true)
    }
    this.isApplying = false
  }

  /** @param alone true: mistakes are reported; by default only if the batch is a single edit */
  private async applies(batch: readonly Waiting[], alone = batch.length === 1): Promise<boolean> {
    try {
      let document = this.document
      for (const { edit } of batch) document = edit(document)
      await this.host.apply(served(document))
      this.written = document
    } catch (error) {
      if (alone) for (const each of batch) each.failed(error)
      return false
    }
    for (const each of batch) each.done()
    return true
  }
}
