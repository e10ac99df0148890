// Requests and WebSockets that end in every way, through each of the places of a proxy, and the things that
// they leave. Each socket has an owner until it closes, so nothing may be left: no handle, no warning of
// Node's about listeners, no uncaught error.

import { MOUNTS, type Mount } from './mounts.js'
import { ask, open, SOCKET_WAYS, type SocketWay, WAYS, type Way } from './ways.js'

export interface OwnersOptions {
  /** The place of the proxy: one of MOUNTS. */
  readonly mount: string
  readonly requests: number
  readonly sockets: number
  /** The number that run at once. */
  readonly atOnce: number
  /** The number of times that the proxy is opened and closed meanwhile. */
  readonly rounds: number
}

export interface OwnersReport {
  /** The handles that are left, by kind, beyond the earlier ones. */
  readonly left: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
  readonly uncaught: readonly string[]
  /** The exchanges by their outcome. */
  readonly outcomes: Readonly<Record<string, number>>
  /** The exchanges that have begun and not ended. */
  readonly unended: number
  /** Faults of our own. */
  readonly internalErrors: number
  /** Bytes that a closed proxy still counts as held. */
  readonly held: number
}

async function all(count: number, atOnce: number, begin: (n: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await begin(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
}

const handles = (): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const each of process.getActiveResourcesInfo()) counts[each] = (counts[each] ?? 0) + 1
  return counts
}

/** The description that a proxy gives of itself. */
interface Described {
  readonly exchanges: { begun: number; ended: number; outcomes: Record<string, number> }
  readonly held: { bytes: number }
  readonly internalErrors: number
}

/** Counts warnings and uncaught errors, until it ends. */
function watching() {
  const warnings: string[] = []
  const uncaught: string[] = []
  const warned = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`)
  const thrown = (error: unknown): void => void uncaught.push(String(error))
  process.on('warning', warned)
  process.on('uncaughtException', thrown)
  process.on('unhandledRejection', thrown)
  return {
    warnings,
    uncaught,
    end: () => {
      process.off('warning', warned)
      process.off('uncaughtException', thrown)
      process.off('unhandledRejection', thrown)
    },
  }
}

/** Runs all, and says what is left. */
export async function runOwners(options: OwnersOptions): Promise<OwnersReport> {
  const { mount, requests, sockets, atOnce, rounds } = options
  const mounting = MOUNTS[mount]
  if (mounting === undefined) throw new Error(`mount is one of ${Object.keys(MOUNTS).join(', ')}`)
  // The streams of this process are made when they are first used: before the count.
  process.stdout.write('')
  process.stderr.write('')
  const before = handles()
  const watch = watching()
  const mounts: Mount[] = []
  const share = (count: number): number => Math.ceil(count / rounds)
  for (let round = 0; round < rounds; round++) {
    const mounted = await mounting()
    mounts.push(mounted)
    const { port } = mounted
    await all(share(requests), atOnce, (n) => ask(port, WAYS[n % WAYS.length] as Way))
    await all(share(sockets), atOnce, (n) => open(port, SOCKET_WAYS[n % SOCKET_WAYS.length] as SocketWay))
    // The program closes while some still run.
    const running = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0 ? ask(port, 'client-gone-in-body') : open(port, 'idle'),
    )
    await new Promise(setImmediate)
    await mounted.close()
    await Promise.all(running)
  }
  const left = await settled(before, mounts)
  watch.end()
  const outcomes: Record<string, number> = {}
  const sums = { unended: 0, internalErrors: 0, held: 0 }
  for (const each of mounts.flatMap((mounted) => mounted.describe())) {
    const { exchanges, held, internalErrors } = each as unknown as Described
    sums.unended += exchanges.begun - exchanges.ended
    sums.internalErrors += internalErrors
    sums.held += held.bytes
    for (const [name, count] of Object.entries(exchanges.outcomes))
      outcomes[name] = (outcomes[name] ?? 0) + count
  }
  return { left, warnings: watch.warnings, uncaught: watch.uncaught, outcomes, ...sums }
}

/** The handles beyond `before`, once they do not change any more: they are let go after their last callbacks. */
async function settled(
  before: Readonly<Record<string, number>>,
  mounts: readonly Mount[],
): Promise<Record<string, number>> {
  let left: Record<string, number> = {}
  for (let turn = 0; turn < 500; turn++) {
    await new Promise(setImmediate)
    left = {}
    for (const [kind, count] of Object.entries(handles()))
      if (kind !== 'Immediate' && count > (before[kind] ?? 0)) left[kind] = count - (before[kind] ?? 0)
    const local = mounts.reduce((sum, each) => sum + each.local(), 0)
    if (local > 0) left['LocalSide'] = local
    if (Object.keys(left).length === 0) break
  }
  return left
}

/** Returns true if nothing is left. */
export const isClean = (report: OwnersReport): boolean =>
  Object.keys(report.left).length === 0 &&
  report.warnings.length === 0 &&
  report.uncaught.length === 0 &&
  report.unended === 0 &&
  report.internalErrors === 0 &&
  report.held === 0
