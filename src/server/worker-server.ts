// The program of a worker: a server like any other, whose configuration, listening sockets and orders come
// from its primary process.

import { createWriteStream } from 'node:fs'
import { type NodePollset, PrimaryLink, StandardError } from '../pollset/index.js'
import {
  LentListeners,
  type ToPrimary,
  WorkerEnd,
  type WorkerOrder,
  WorkerStart,
  type WorkerTasks,
} from '../workers/index.js'
import { exitCodes } from './exit-codes.js'
import { defaultLimits, limitsWith, type SomeLimits } from './limits.js'
import { notListening } from './listen-faults.js'
import { madeOf } from './origins.js'
import { workerDebugAddress } from './primary-debugging.js'
import { type AnswerPart, Joining, type ReadAnswer } from './reading.js'
import { Server } from './server.js'
import { addressSetting } from './setting-names.js'
import { traceTo } from './trace-file.js'
import type { WorkerNews, WorkerQuestion, WorkerSettings } from './worker-settings.js'

const { CUT, BROKEN } = exitCodes

/** The signals that the primary takes for all: they may be sent to the whole group of processes. */
const TAKEN_BY_PRIMARY = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

function joined(parts: readonly unknown[]): ReadAnswer {
  const joining = new Joining()
  let answer: ReadAnswer | null = null
  for (const each of parts) answer = joining.take(each as AnswerPart)
  return answer as ReadAnswer
}

/** @param name `w1`, `w2` … */
export function runWorker(name: string): void {
  for (const signal of TAKEN_BY_PRIMARY) process.on(signal, () => {})
  const start = new WorkerStart()
  const link: PrimaryLink = new PrimaryLink(() => {
    const begun = start.take(link)
    if (begun !== null) new WorkerServer(name, link, begun)
  })
  link.send({ kind: 'here' } satisfies ToPrimary)
}

class WorkerServer implements WorkerTasks {
  private readonly name: string
  private readonly link: PrimaryLink
  private readonly server: Server
  /** Commits the prepared configuration. */
  private proceed: (() => void) | null = null
  private readonly end: WorkerEnd
  private isStopping = false

  constructor(name: string, link: PrimaryLink, begun: NonNullable<ReturnType<WorkerStart['take']>>) {
    this.name = name
    this.link = link
    const { trace, privateAddresses, measures, debug } = begun.settings as WorkerSettings
    const listeners = new LentListeners(link)
    const { configuration, foundOut } = madeOf(joined(begun.parts))
    const { processLogBytesMax } = limitsWith(defaultLimits, configuration.limits as SomeLimits).server
    const log = new StandardError(processLogBytesMax)
    process.on('exit', () => log.writeNow())
    this.server = new Server({
      configuration,
      foundOut,
      log,
      ...(trace === null ? {} : { trace: traceOf(trace) }),
      ...(debug === null
        ? {}
        : { debug: { address: workerDebugAddress(debug.folder, name), secrets: debug.secrets } }),
      worker: { name, measures, lent: { lender: listeners, ticketKeys: begun.ticketKeys, privateAddresses } },
    })
    const { server } = this
    this.end = new WorkerEnd(server.world, link, listeners, begun.version, this)
    link.attach(server.world.pollset as NodePollset)
    this.follow(begun.version, log)
    process.on('SIGUSR1', () => server.accessLog.reopen())
    server.begin()
  }

  private follow(first: number, log: StandardError): void {
    const { server, link, end } = this
    server.on('serving', () => end.serving())
    server.on('failed', (address, code) => {
      const why = notListening(address, code, addressSetting(server.configuration, address))
      link.send({ kind: 'refused', version: first, why } satisfies ToPrimary)
    })
    server.on('undebugged', (address, code) =>
      server.log.tell('error', `no debugger may attach to it: ${notListening(address, code, 'by TMPDIR')}`),
    )
    server.on('crashed', (id, error) =>
      server.log.tell(
        'error',
        `internal error in ${id} (closed); other requests are unaffected: ${stackOf(error)}`,
      ),
    )
    server.on('broken', (error) => {
      server.log.tell('error', `internal error; this worker ends with its connections: ${stackOf(error)}`)
      process.exit(BROKEN)
    })
    server.on('draining', () => {
      this.isStopping = true
      link.send({ kind: 'told', told: { news: 'draining' } satisfies WorkerNews } satisfies ToPrimary)
    })
    server.on('stopped', () => {
      if (server.cutRequests > 0) process.exitCode = CUT
      link.close()
      log.end()
      process.removeAllListeners('SIGUSR1')
    })
  }

  prepare(parts: readonly unknown[], ready: () => void, refused: (why: string) => void): void {
    this.proceed = null
    const { configuration, foundOut } = madeOf(joined(parts))
    this.server.apply(
      configuration,
      (wrong) => {
        if (wrong === null) this.end.serving()
        else refused(wrong.message)
      },
      foundOut,
      (proceed) => {
        this.proceed = proceed
        ready()
      },
    )
  }

  commit(): void {
    const { proceed } = this
    this.proceed = null
    proceed?.()
  }

  abandon(): void {
    this.proceed = null
    this.server.served.abandon()
  }

  order(order: WorkerOrder): void {
    const { server } = this
    if (order === 'reopen') server.accessLog.reopen()
    else if (order === 'end') this.endNow()
    else {
      this.isStopping = true
      server.command(order)
    }
  }

  setTicketKeys(keys: Uint8Array): void {
    ;(this.server.world.pollset as NodePollset).setTicketKeys(keys)
  }

  answer(asked: unknown, done: (answer: unknown) => void): void {
    const question = asked as WorkerQuestion
    if (question.ask === 'metrics') done(this.server.metrics?.snapshot() ?? [])
    else this.server.questions.ask(question, done)
  }

  /** Lets its requests finish: without its primary nobody can replace or end it. */
  orphaned(): void {
    if (this.isStopping) this.endNow()
    this.server.log.tell('error', `the primary process has ended, so ${this.name} drains and ends`)
    this.server.command('drain')
  }

  private endNow(): void {
    const { server } = this
    server.endNow()
    process.exit(server.cutRequests > 0 ? CUT : 0)
  }
}

/** Appends to the file of the trace, which the primary has made. */
function traceOf(file: string): (line: string) => void {
  const stream = file === '-' ? process.stdout : createWriteStream(file, { flags: 'a' })
  return traceTo(stream, (level, text) => void process.stderr.write(`${level}: ${text}\n`), String)
}

/** Returns the stack on one line. */
const stackOf = (error: unknown): string =>
  (error instanceof Error ? String(error.stack) : String(error)).replace(/\s*\n\s*/g, ' < ')
