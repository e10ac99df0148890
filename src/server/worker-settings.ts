// What a primary and its workers tell each other (spec/workers.md). The room workers/ carries it, and does
// not look into it.

import type { Address } from '../pollset/index.js'
import type { Question } from './questions.js'

/** What each worker is told first. */
export interface WorkerSettings {
  /** The file that lines of the trace are appended to; `-` for standard output; null: there is no trace. */
  readonly trace: string | null
  /** Addresses of the primary at which nothing may be dialled. */
  readonly privateAddresses: readonly Address[]
  /** Metrics are asked for. */
  readonly measures: boolean
  /** The folder in which its debugger listens, and whether that shows credentials; null: it has none. */
  readonly debug: { readonly folder: string; readonly secrets: boolean } | null
}

/** What a worker is asked. */
export type WorkerQuestion = Question | { readonly ask: 'metrics' }

/** What a worker tells, unasked. */
export type WorkerNews =
  /** It has begun to drain. */
  { readonly news: 'draining' }

/** The argument that makes a process of the program a worker; the worker's name follows. */
export const WORKER_COMMAND = 'worker'
