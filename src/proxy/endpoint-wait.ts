// The wait of a request that finds no endpoint while one may soon be known or healthy: for the first look-up
// of a discovery, or for the first health checks (spec/discovery.md, D9; spec/balancing.md, B17).

import { type Holder, Signal } from '../pollset/index.js'
import type { Backend } from './backend.js'

/** The bit of {@link EndpointWait}. */
export const USABLE = 1

/**
 * The wait of one request. It rises when the backend has an endpoint that can be chosen, or will
 * not have one soon.
 */
export class EndpointWait extends Signal {
  private readonly backend: Backend

  constructor(exchange: string, backend: Backend) {
    super(`${exchange}.endpoint`, 'endpoint', ['USABLE'])
    this.backend = backend
  }

  override holders(): readonly Holder[] {
    const { discovery, name } = this.backend
    if (discovery?.pending === true)
      return [{ subject: discovery, reason: `looks up ${discovery.options.name} for the first time` }]
    return [{ subject: { id: name, kind: 'backend' }, reason: 'no health check has passed yet' }]
  }
}
