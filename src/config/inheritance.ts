// Settings are inherited one at a time: built-in, then `defaults`, then the backend, then the route. Maps
// merge by key, and lists replace. Each value keeps the place where it was written.

import type { PathOptions, RetryOptions, Timeouts } from '../proxy/index.js'
import type { Source } from './configuration.js'
import type { Path } from './diagnostics.js'
import type { ConfigDocument } from './document.js'
import type { RouteFile } from './schema.js'

/** The place of values that are written nowhere. */
export const BUILT_IN: Source = { file: '', line: -1, column: -1 }

/** Settings at one level. */
export interface Layer {
  readonly document: ConfigDocument
  readonly path: Path
  readonly value: Pick<RouteFile, 'timeouts' | 'retry' | 'path' | 'upgrades' | 'errors'>
}

/** Collects values with their places. */
export class Sources {
  readonly all: Record<string, Source> = {}

  /** Returns the value of the nearest layer that has one, else the built-in value. */
  inherited<T>(
    names: readonly string[],
    layers: readonly Layer[],
    path: Path,
    pick: (value: Layer['value']) => T | undefined,
    builtIn: T,
  ): T {
    for (const layer of layers) {
      const value = pick(layer.value)
      if (value === undefined) continue
      this.note(names, layer.document.place([...layer.path, ...path]))
      return value
    }
    this.note(names, BUILT_IN)
    return builtIn
  }

  /** Returns the value, else the built-in one. */
  own<T>(name: string, document: ConfigDocument, path: Path, value: T | undefined, builtIn: T): T {
    this.note([name], value === undefined ? BUILT_IN : document.place(path))
    return value ?? builtIn
  }

  private note(names: readonly string[], source: Source): void {
    for (const name of names) this.all[name] = source
  }
}

/** The built-in settings. */
export const BUILT_IN_TIMEOUTS = {
  connect: 5_000,
  lease: 10_000,
  head: 60_000,
  idle: 60_000,
  tunnel: 3_600_000,
  request: 86_400_000,
} as const

export const TIMEOUT_NAMES = Object.keys(BUILT_IN_TIMEOUTS) as (keyof typeof BUILT_IN_TIMEOUTS)[]

export function timeoutsOf(sources: Sources, layers: readonly Layer[]): Timeouts {
  const entries = TIMEOUT_NAMES.map((name) => [
    `${name}Ms`,
    sources.inherited(
      [`timeouts.${name}Ms`],
      layers,
      ['timeouts', name],
      (value) => value.timeouts?.[name],
      BUILT_IN_TIMEOUTS[name],
    ),
  ])
  return Object.fromEntries(entries) as Timeouts
}

export function retryOf(sources: Sources, layers: readonly Layer[]): RetryOptions {
  const take = <T>(
    name: string,
    path: Path,
    pick: (value: NonNullable<RouteFile['retry']>) => T | undefined,
    builtIn: T,
  ) =>
    sources.inherited(
      [`retry.${name}`],
      layers,
      ['retry', ...path],
      (value) => value.retry && pick(value.retry),
      builtIn,
    )
  const on = sources.inherited(
    ['retry.connectFailure', 'retry.refusedStream', 'retry.closedBeforeHead', 'retry.statuses'],
    layers,
    ['retry', 'on'],
    (value) => value.retry?.on,
    ['connect-failure', 'refused-stream', 'closed-before-head'],
  )
  return {
    attempts: take('attempts', ['attempts'], (retry) => retry.attempts, 3),
    connectFailure: on.includes('connect-failure'),
    refusedStream: on.includes('refused-stream'),
    closedBeforeHead: on.includes('closed-before-head'),
    statuses: [...new Set(on.filter((each) => typeof each === 'number'))],
    replayBytes: take('replayBytes', ['replay'], (retry) => retry.replay, 65_536),
    firstMs: take('firstMs', ['backoff', 'first'], (retry) => retry.backoff?.first, 25),
    mostMs: take('mostMs', ['backoff', 'most'], (retry) => retry.backoff?.most, 250),
  }
}

export function pathOptionsOf(sources: Sources, layers: readonly Layer[]): PathOptions {
  return {
    ambiguous: sources.inherited(
      ['path.ambiguous'],
      layers,
      ['path', 'ambiguous'],
      (value) => value.path?.ambiguous,
      'refuse',
    ),
    forward: sources.inherited(
      ['path.forward'],
      layers,
      ['path', 'forward'],
      (value) => value.path?.forward,
      'client',
    ),
  }
}
