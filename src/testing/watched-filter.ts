// Watches a filter under test: each state must be released once, and no transform may hold more than
// it has declared.

import type { BodyTransform, Filter, RequestPhase, ResponsePhase } from '../proxy/index.js'

interface State {
  readonly inner: unknown
  releases: number
}

export class FilterWatch {
  readonly states: State[] = []
  readonly problems: string[] = []

  /** Returns a watched filter that does the same. */
  watched(filter: Filter<unknown>): Filter<unknown> {
    const made: Record<string, unknown> = { identityFields: filter.identityFields }
    for (const name of ['request', 'attempt', 'interim', 'response', 'trailers', 'late', 'log'] as const) {
      const call = filter[name] as ((x: object, s: unknown) => unknown) | undefined
      if (call === undefined) continue
      made[name] = (x: object, s: State) => call.call(filter, this.phase(x), s.inner)
    }
    for (const name of ['close', 'describe'] as const)
      if (filter[name] !== undefined) made[name] = () => filter[name]?.()
    made.begin = (x: Parameters<NonNullable<Filter['begin']>>[0]): State => {
      const state = { inner: filter.begin?.(x), releases: 0 }
      this.states.push(state)
      return state
    }
    made.release = (s: State) => {
      if (++s.releases > 1) this.problems.push('X2: a state is released twice')
      filter.release?.(s.inner)
    }
    for (const [name, value] of Object.entries(made)) if (value === undefined) delete made[name]
    return made as Filter<unknown>
  }

  /** Reports states that nobody has released after all exchanges have ended. */
  end(): void {
    const left = this.states.filter(({ releases }) => releases === 0).length
    if (left > 0) this.problems.push(`X2: ${left} states are not released`)
  }

  private phase(x: object): object {
    return new Proxy(x, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target)
        if (key === 'transformBody')
          return (make: () => BodyTransform) =>
            (target as RequestPhase & ResponsePhase).transformBody(() => this.transform(make()))
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  private transform(inner: BodyTransform): BodyTransform {
    let ends = 0
    return {
      get holdBytesMax() {
        return inner.holdBytesMax
      },
      get heldBytes() {
        return inner.heldBytes
      },
      get ended() {
        return inner.ended
      },
      pull: (input, out, at, room) => {
        const bytes = inner.pull(input, out, at, room)
        if (bytes > room) this.problems.push(`X4: a transform wrote ${bytes} bytes, and had room for ${room}`)
        return bytes
      },
      begin: (wake) => inner.begin?.(wake),
      end: () => {
        if (++ends > 1) this.problems.push('X2: a transform was ended twice')
        inner.end?.()
      },
    }
  }
}
