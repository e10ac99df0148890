// The other clients of tools/password-flood.ts, and the effects on them: requests of another route; of a user
// who has been here; with a new connection to a named backend (a look-up and a dial); users who come for the
// first time; and the access log.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { ClientHttp2Session } from 'node:http2'

/** The pause of the clients between two rounds, in ms. */
const PAUSE_MS = 2
/** The number of rounds of which one waits for its line in the access log. */
const LOG_EVERY = 10
/** ms between two looks at the log, and the longest wait for a line. */
const LOOK_MS = 1
const LINE_MS = 10_000

/** Latencies in ms. */
export interface Latencies {
  /** Requests of another route. */
  readonly open: readonly number[]
  /** Requests of a user whose password was right lately. */
  readonly known: readonly number[]
  /** Requests whose connection to the backend is new: its name is looked up. */
  readonly named: readonly number[]
  /** Requests of a user whose password must be hashed. */
  readonly login: readonly number[]
  /** The times from an answer to its line in the access log. */
  readonly line: readonly number[]
}

export interface Noticed extends Latencies {
  /** The requests that got another status than 200. */
  readonly failed: number
}

export interface Places {
  readonly session: ClientHttp2Session
  readonly accessLog: string
}

interface Answer {
  readonly status: number
  readonly ms: number
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function ask(session: ClientHttp2Session, path: string, password: string | null): Promise<Answer> {
  return new Promise((resolve) => {
    const began = performance.now()
    const authorization = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`
    const stream = session.request({ ':path': path, ...(password === null ? {} : { authorization }) })
    let status = 0
    stream.on('response', (head) => {
      status = head[':status'] ?? 0
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve({ status, ms: performance.now() - began }))
    stream.resume()
  })
}

/** Waits for a text in the additions to the file. Returns the ms that it took. */
async function lineMs(file: string, from: number, text: string): Promise<number> {
  const began = performance.now()
  const fd = openSync(file, 'r')
  try {
    let added = ''
    for (let at = from; ; ) {
      const bytes = Buffer.alloc(fstatSync(fd).size - at)
      at += readSync(fd, bytes, 0, bytes.length, at)
      added += bytes.toString('latin1')
      const ms = performance.now() - began
      if (added.includes(text) || ms > LINE_MS) return ms
      await pause(LOOK_MS)
    }
  } finally {
    closeSync(fd)
  }
}

function sizeOf(file: string): number {
  const fd = openSync(file, 'r')
  try {
    return fstatSync(fd).size
  } finally {
    closeSync(fd)
  }
}

/** Measures for a time, and then this many users who come for the first time. */
export async function notice({ session, accessLog }: Places, ms: number, logins: number): Promise<Noticed> {
  const began = performance.now()
  const answers = { open: [], known: [], named: [], login: [] } as Record<string, Answer[]>
  const line: number[] = []
  const told = async (kind: string, path: string, password: string | null): Promise<void> => {
    answers[kind]?.push(await ask(session, path, password))
  }
  for (let round = 0; performance.now() - began < ms || round === 0; round++) {
    const looks = round % LOG_EVERY === 0
    const from = looks ? sizeOf(accessLog) : 0
    const mark = `/open?${round}.${Math.round(began)}.`
    await told('open', mark, null)
    if (looks) line.push(await lineMs(accessLog, from, mark))
    await told('known', '/', 'right')
    await told('named', '/named', null)
    await pause(PAUSE_MS)
  }
  for (let each = 0; each < logins; each++) await told('login', '/login', 'right')
  const all = Object.values(answers).flat()
  const times = Object.fromEntries(
    Object.entries(answers).map(([kind, each]) => [kind, each.map((answer) => answer.ms)]),
  ) as Omit<Record<keyof Latencies, number[]>, 'line'>
  return { ...times, line, failed: all.filter(({ status }) => status !== 200).length }
}
