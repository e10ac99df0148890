// Passes interim responses and trailers through the filters. Nothing waits here.

import { type Field, Head, type Stream } from '../../http/index.js'
import type { Exchange } from '../exchange.js'
import { DROP, PASS } from './contract.js'
import { caught } from './filtering.js'
import { type FilterRun, NOT_BEGUN } from './run.js'
import { CallKind, FilterUseError } from './view.js'

/** The status up to which interim responses, 100 and 101, belong to the connections. */
const SWITCHING = 101

/** An object, so that the simulator can plant defects in it. */
export const passing = {
  /** Returns the interim response that the client gets; null if a filter drops it. */
  interim(x: Exchange, run: FilterRun, head: Head): Head | null {
    const { interims, uses } = run.chain
    if (interims.length === 0 || head.status <= SWITCHING) return head
    // A failing filter may have written some of its fields.
    let passed = head
    for (let i = interims.length - 1; i >= 0; i--) {
      const place = interims[i]
      const state = run.states[place]
      if (place >= run.begun || state === NOT_BEGUN) continue
      const { filter, name } = uses[place]
      const copy = passed.copy()
      let verdict: unknown = PASS
      const call = run.call.beginPart(CallKind.INTERIM, place, copy, 'response')
      const thrown = caught(call, () => {
        verdict = filter.interim?.(call, state)
      })
      const wrong =
        thrown ?? (verdict === PASS || verdict === DROP ? null : new FilterUseError('return PASS or DROP'))
      if (wrong !== null) x.proxy.filterFailed(x, name, wrong)
      else if (verdict === DROP) return null
      else passed = copy
    }
    return passed
  },

  /** Shows the trailers of the request to the filters, once they have come and before any of them leaves. */
  requestTrailers(x: Exchange, run: FilterRun, from: Stream): void {
    if (!from.remoteEnded || from.trailers === null || run.requestTrailersMet) return
    run.requestTrailersMet = true
    const { identityFields, trailers } = run.chain
    let fields: readonly Field[] = from.trailers
    for (const names of identityFields)
      if (names !== null) fields = fields.filter((each) => !names.has(each.name))
    from.trailers = changed(x, run, trailers, fields, 'request')
  },

  /** Shows the trailers of the response to the filters in the same way. */
  responseTrailers(x: Exchange, run: FilterRun, from: Stream): void {
    if (!from.remoteEnded || from.trailers === null || run.responseTrailersMet) return
    run.responseTrailersMet = true
    from.trailers = changed(x, run, run.chain.trailers.toReversed(), from.trailers, 'response')
  },
}

/** Returns the trailers after the changes of filters; null for none. */
function changed(
  x: Exchange,
  run: FilterRun,
  places: readonly number[],
  trailers: readonly Field[],
  of: 'request' | 'response',
): readonly Field[] | null {
  let head = Head.request([...trailers])
  for (const place of places) {
    const state = run.states[place]
    if (place >= run.begun || state === NOT_BEGUN) continue
    const { filter, name } = run.chain.uses[place]
    const copy = head.copy()
    const call = run.call.beginPart(CallKind.TRAILERS, place, copy, of)
    const thrown = caught(call, () => filter.trailers?.(call, state))
    if (thrown === null) head = copy
    else x.proxy.filterFailed(x, name, thrown)
  }
  return head.fields.length === 0 ? null : head.fields
}
