// Reads the kernel's data about a process and its children: CPU time, memory, connections. It reads /proc, so
// the measured program is not disturbed.

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'

/** Linux counts user and system time in ticks of 10 ms, on every architecture that Node runs on. */
const ticksPerSecond = 100

function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return null // The process has ended.
  }
}

/** The fields of /proc/PID/stat after the command's name, which may hold anything. */
function statFields(pid: number): readonly string[] | null {
  const stat = readProc(`${pid}/stat`)
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Returns this process and all that descend from it. */
export function processTree(root: number): readonly number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const fields = statFields(Number(entry))
    if (fields !== null) parents.set(Number(entry), Number(fields[1]))
  }
  const descends = (pid: number): boolean => {
    for (let each: number | undefined = pid; each !== undefined && each > 1; each = parents.get(each)) {
      if (each === root) return true
    }
    return false
  }
  return [...parents.keys()].filter(descends)
}

/**
 * Returns the ns that the threads of this process have run so far; null if the kernel does not count them.
 */
function runNanoseconds(pid: number): number | null {
  let sum = 0
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const ran = Number(readProc(`${pid}/task/${thread}/schedstat`)?.split(' ')[0] ?? Number.NaN)
      if (Number.isNaN(ran)) return null
      sum += ran
    }
    return sum
  } catch {
    return null
  }
}

/** Returns user and system time of all threads of these processes so far, in microseconds. */
export function cpuMicroseconds(pids: readonly number[]): number {
  const exact = pids.map(runNanoseconds)
  if (exact.every((each) => each !== null)) return exact.reduce((sum, each) => sum + each, 0) / 1000
  let ticks = 0
  for (const pid of pids) {
    const fields = statFields(pid)
    // utime, stime (proc(5): fields 14 and 15)
    if (fields !== null) ticks += Number(fields[11]) + Number(fields[12])
  }
  return (ticks / ticksPerSecond) * 1e6
}

function statusKib(pid: number, name: 'VmHWM' | 'VmRSS'): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readProc(`${pid}/status`) ?? '')
  return found === null ? 0 : Number(found[1])
}

/** Returns the resident memory now, in KiB. */
export const rssKib = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + statusKib(pid, 'VmRSS'), 0)

/** Returns the most resident memory since the last {@link resetPeak}, or else since the start, in KiB. */
export const peakRssKib = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + statusKib(pid, 'VmHWM'), 0)

export function resetPeak(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
    } catch {
      // It is not allowed here: peaks then count from the start.
    }
  }
}

/** Returns the inodes of established TCP connections to a port. */
function establishedTo(port: number): ReadonlySet<string> {
  const inodes = new Set<string>()
  for (const table of ['net/tcp', 'net/tcp6']) {
    for (const line of (readProc(table) ?? '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      const remotePort = Number.parseInt(fields[2]?.split(':')[1] ?? '', 16)
      if (remotePort === port && fields[3] === '01') inodes.add(fields[9] as string)
    }
  }
  return inodes
}

/** Returns the number of established connections of these processes to this port of the backend. */
export function connectionsTo(port: number, pids: readonly number[]): number {
  const inodes = establishedTo(port)
  let count = 0
  for (const pid of pids) {
    let descriptors: readonly string[] = []
    try {
      descriptors = readdirSync(`/proc/${pid}/fd`)
    } catch {
      continue // It has ended.
    }
    for (const each of descriptors) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${each}`))?.[1]
        if (inode !== undefined && inodes.has(inode)) count++
      } catch {
        // The connection has closed since.
      }
    }
  }
  return count
}

/**
 * Returns the resident memory once it has settled: when three looks in a row lie within one part in a
 * hundred, or after `atMostMs`.
 */
export async function settledRssKib(pids: readonly number[], atMostMs = 6_000): Promise<number> {
  const everyMs = 250
  let [before, last] = [0, 0]
  for (let waited = 0; waited < atMostMs; waited += everyMs) {
    const now = rssKib(pids)
    const near = (other: number): boolean => Math.abs(now - other) <= now / 100
    if (near(last) && near(before) && waited >= 4 * everyMs) return now
    before = last
    last = now
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return rssKib(pids)
}
