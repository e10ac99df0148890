// The assignment of CPUs. A proxy that shares its CPU with the load is measured with the caches that the load
// has left it, and with the work that has piled up meanwhile in each turn. So it has one CPU for itself, and
// everything else has the others.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { findProgram } from '../testbed/programs.js'

export interface Pinning {
  /** The words before a proxy's command; none if it is not pinned. */
  readonly proxy: readonly string[]
  /** One sentence of it. */
  readonly text: string
}

/** The CPUs that this process may use, as the kernel lists them: `0-1,4`. */
function parseCpus(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: (last as number) - (first as number) + 1 }, (_, at) => (first as number) + at)
  })
}

/**
 * Pins this process, and so everything that it starts, to all CPUs except the one that it
 * leaves to the proxy.
 */
export function pin(): Pinning {
  const none = (why: string): Pinning => ({ proxy: [], text: `Nothing is pinned to a CPU: ${why}.` })
  if (process.platform !== 'linux' || findProgram('taskset') === null) return none('taskset is not installed')
  const status = readFileSync('/proc/self/status', 'utf8')
  const [proxy, ...others] = parseCpus(/^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1] ?? '0')
  if (others.length === 0) return none('there is only one')
  execFileSync('taskset', ['-a', '-p', '-c', others.join(','), String(process.pid)], { stdio: 'ignore' })
  return {
    proxy: ['taskset', '-c', String(proxy)],
    text: `The proxy is pinned to CPU ${proxy}, everything else to ${others.join(',')}.`,
  }
}
