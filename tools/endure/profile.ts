// Reads a span of time from a CPU profile.

import type { Profiler } from 'node:inspector'

/** Begin and end, in microseconds. */
export type Span = readonly [from: number, to: number]

/** The share of its caller's time, and of the whole span, from which on a function is shown. */
const TOLD_PART = 0.25

interface Counted {
  readonly node: Profiler.ProfileNode
  readonly children: Counted[]
  /** The number of samples in it and in the functions that it called. */
  samples: number
}

/**
 * Describes the functions that took most of this span, each with those that it called: `a 40 ms (b 30 ms, c 8
 * ms), of 160 samples`. While the thread stood still there are few samples. Functions that have the same time
 * as their only large callee are left out.
 * @param ms the time of the span without that for which there was no CPU
 */
export function heaviestPath(profile: Profiler.Profile, [from, to]: Span, ms: number): string {
  const counted = new Map<number, Counted>(
    profile.nodes.map((node) => [node.id, { node, children: [], samples: 0 }]),
  )
  const parents = new Map<number, number>()
  for (const { node, children } of counted.values()) {
    for (const child of node.children ?? []) {
      parents.set(child, node.id)
      children.push(counted.get(child) as Counted)
    }
  }
  let at = profile.startTime
  let [whole, first] = [0, 0]
  const { samples = [], timeDeltas = [] } = profile
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index] ?? 0
    if (at < from || at > to) continue
    whole++
    for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) {
      const each = counted.get(node) as Counted
      each.samples++
    }
  }
  if (whole === 0) return 'no sample'
  first = profile.nodes[0]?.id ?? 0
  const msOf = (count: number): string => `${(ms * (count / whole)).toFixed(1)} ms`
  const tell = (each: Counted): string => {
    const large = each.children.filter((child) => child.samples >= TOLD_PART * each.samples)
    const told = large.filter((child) => child.samples >= TOLD_PART * 0.4 * whole)
    const name = each.node.callFrame.functionName || '(anonymous)'
    const only = told[0]
    if (told.length === 1 && only !== undefined && only.samples > 0.9 * each.samples) return tell(only)
    const within = told.length === 0 ? '' : ` (${told.map(tell).join(', ')})`
    return `${name} ${msOf(each.samples)}${within}`
  }
  return `${tell(counted.get(first) as Counted)}, of ${whole} samples`
}
