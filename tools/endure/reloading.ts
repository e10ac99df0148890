// A configuration that changes all the time, under load and with open WebSockets.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Program } from '../testbed/programs.js'
import { copyCertificates, makeCertificates, ofTestbed, type PemFiles } from './certificate-files.js'
import { documentOf, REVISION, SAME } from './documents.js'
import { startEndpoints } from './endpoints.js'
import { Load, type Tally, together } from './load.js'
import { type Pace, passed } from './pace.js'
import type { HeldTold, Question, TurnsTold } from './probe.js'
import { put, serve } from './served.js'
import { EchoSocket, shakeHands } from './sockets.js'

export interface ReloadOptions {
  readonly routes: number
  /** The certificates of the TLS listener. 2: those of the testbed; more are made by openssl. */
  readonly certificates: number
  /** The number of certificates that differ in the next file. */
  readonly renewed: number
  /** The number of files, and the time between two. */
  readonly files: number
  readonly every: Pace
  /** The way in which the server learns of a file. */
  readonly by: 'watch' | 'signal'
  /** Files before the first measurement, while V8 compiles. */
  readonly warmUp: number
  readonly webSockets: number
  /** The files after the last measurement, whose turns are explained. */
  readonly profiled: number
}

export interface ReloadFigures {
  /** The routes of each file. */
  readonly routes: number
  readonly files: number
  readonly commits: number
  /** Commits until all files were written, by second. */
  readonly seconds: number
  readonly faults: readonly string[]
  readonly tally: Tally
  readonly echoes: { readonly sent: number; readonly echoed: number; readonly closed: number }
  readonly lastServes: boolean
  readonly resumed: boolean
  readonly before: HeldTold
  readonly after: HeldTold
  readonly turns: TurnsTold
  readonly profile: TurnsTold | null
}

const COMMITTED = /the configuration was read again/g
const FAULT = /^.* (?:error|warn) .*$/gm

const commitsOf = ({ stderr }: Program): number => stderr.match(COMMITTED)?.length ?? 0

/** The certificates of each revision: `renewed` of them alternate between two. */
function certificatesOf(
  sets: readonly [readonly PemFiles[], readonly PemFiles[]],
  renewed: number,
  revision: number,
): ReadonlyMap<string, PemFiles> {
  return new Map(
    sets[0].map((each, at) => {
      const other = sets[1][at] as PemFiles
      return [`c${at}`, at < renewed && revision % 2 === 1 ? other : each]
    }),
  )
}

/** Returns two sets of certificates: those of the testbed in two orders, or new ones. */
async function setsOf(
  folder: string,
  { certificates }: ReloadOptions,
): Promise<[readonly PemFiles[], readonly PemFiles[]]> {
  if (certificates === ofTestbed.length) {
    const copied = copyCertificates(folder)
    return [copied, copied.toReversed()]
  }
  return [
    await makeCertificates(folder, 'a', certificates),
    await makeCertificates(folder, 'b', certificates),
  ]
}

/** The most tries until a condition holds. */
const TRIES_MAX = 50
/** The longest wait for a commit, in ms. */
const COMMIT_MS_MAX = 60_000

interface Ports {
  readonly plain: number
  readonly secure: number
}

class Reloads {
  readonly program: Program
  readonly options: ReloadOptions
  readonly ports: Ports
  private readonly file: string
  private readonly documentFor: (revision: number) => string
  private revision = 0

  constructor(
    program: Program,
    file: string,
    options: ReloadOptions,
    documentFor: (revision: number) => string,
    ports: Ports,
  ) {
    this.program = program
    this.file = file
    this.options = options
    this.documentFor = documentFor
    this.ports = ports
  }

  next(): void {
    put(this.file, this.documentFor(++this.revision))
    if (this.options.by === 'signal') this.program.signal('SIGHUP')
  }

  private async commits(count: number): Promise<boolean> {
    const commits = (): boolean => commitsOf(this.program) >= count
    return this.program.until('it commits', commits, COMMIT_MS_MAX).then(
      () => true,
      () => false,
    )
  }

  /** Writes a file and waits until one is committed. */
  async settled(): Promise<void> {
    const before = commitsOf(this.program)
    this.next()
    await this.commits(before + 1)
  }

  /** Returns true if the last file serves in the end. */
  async lastServes(): Promise<boolean> {
    const url = `http://127.0.0.1:${this.ports.plain}${REVISION}`
    for (;;) {
      const before = commitsOf(this.program)
      if ((await (await fetch(url)).text()) === String(this.revision)) return true
      if (!(await this.commits(before + 1))) return false
    }
  }

  ask<Answer>(question: Question): Promise<Answer> {
    return this.program.ask<Answer>(question)
  }

  /** Returns the heap in use once there are no more routes than these. The last connections have to close first. */
  async heldAtMost(routes: number): Promise<HeldTold> {
    let held = await this.ask<HeldTold>('collect')
    for (let tries = 0; held.routes > routes && tries < TRIES_MAX; tries++)
      held = await this.ask<HeldTold>('collect')
    return held
  }
}

/** The load while the file changes. */
interface Phase {
  readonly commits: number
  readonly seconds: number
  readonly tally: Tally
  readonly echoes: ReloadFigures['echoes']
  readonly turns: TurnsTold
  readonly lastServes: boolean
}

/** Changes the file this number of times, under load and with open WebSockets, which have ended when it settles. */
async function phase(reloads: Reloads, files: number): Promise<Phase> {
  const { program, options, ports } = reloads
  const loads = loadsOn(reloads)
  const sockets = Array.from({ length: options.webSockets }, () => new EchoSocket(ports.plain, SAME))
  try {
    await Promise.all(loads.map((each) => each.ends(20)))
    await reloads.ask('watch')
    const [began, before] = [Date.now(), commitsOf(program)]
    for (let i = 0; i < files; i++) {
      reloads.next()
      for (const each of sockets) each.say()
      await passed(options.every, loads[0] as Load)
    }
    const seconds = (Date.now() - began) / 1_000
    const turns = await reloads.ask<TurnsTold>('tell')
    const lastServes = await reloads.lastServes()
    const commits = commitsOf(program) - before
    for (const each of sockets) each.say()
    await Promise.all(sockets.map((each) => each.heard()))
    const sum = (of: (each: EchoSocket) => number): number => sockets.reduce((all, each) => all + of(each), 0)
    const echoes = {
      sent: sum((each) => each.sent),
      echoed: sum((each) => each.echoed),
      closed: sum((each) => (each.isClosed ? 1 : 0)),
    }
    return { commits, seconds, turns, lastServes, echoes, tally: await stopped(loads) }
  } finally {
    await Promise.all(sockets.map((each) => each.end()))
    await stopped(loads)
  }
}

const loadsOn = ({ ports }: Reloads): readonly Load[] => [
  new Load({ ...LOAD, port: ports.plain, paths: [SAME, REVISION] }),
  new Load({ ...LOAD, port: ports.secure, secure: true, paths: [SAME, REVISION] }),
]

const stopped = async (loads: readonly Load[]): Promise<Tally> =>
  together(await Promise.all(loads.map((each) => each.stop())))

const LOAD = { http1: 4, http2: { connections: 2, streams: 4 }, pauseMs: 20 } as const

export async function reload(options: ReloadOptions): Promise<ReloadFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'endure-'))
  const file = join(folder, 'fermata.yaml')
  const endpoints = await startEndpoints(2, 200)
  let program: Program | null = null
  try {
    const sets = await setsOf(folder, options)
    const ports = { plain: await freePort(), secure: await freePort() }
    const documentFor = (revision: number): string =>
      documentOf(revision, {
        plainPort: ports.plain,
        securePort: ports.secure,
        routes: options.routes,
        certificates: certificatesOf(sets, options.renewed, revision),
        endpoints: endpoints.map((each) => each.http1Port),
      })
    put(file, documentFor(0))
    program = await serve(file, { args: options.by === 'watch' ? ['--watch'] : [], probed: true })
    const reloads = new Reloads(program, file, options, documentFor, ports)
    await phase(reloads, options.warmUp)
    const { session } = await shakeHands(ports.secure)
    const before = await reloads.ask<HeldTold>('collect')
    const told = await phase(reloads, options.files)
    const { resumed } = await shakeHands(ports.secure, session)
    const after = await reloads.heldAtMost(before.routes)
    const profile = options.profiled === 0 ? null : await profiled(reloads, options.profiled)
    const faults = program.stderr.match(FAULT) ?? []
    const { routes } = options
    return { ...told, routes, files: options.files, faults, resumed, before, after, profile }
  } finally {
    await program?.stop()
    for (const each of endpoints) await each.kill()
    rmSync(folder, { recursive: true })
  }
}

/**
 * Changes the file some more times under load, each once the last one serves, and records what takes time.
 */
async function profiled(reloads: Reloads, files: number): Promise<TurnsTold> {
  const loads = loadsOn(reloads)
  try {
    await Promise.all(loads.map((each) => each.ends(20)))
    await reloads.ask('profile')
    for (let i = 0; i < files; i++) await reloads.settled()
    return await reloads.ask<TurnsTold>('tell')
  } finally {
    await stopped(loads)
  }
}
