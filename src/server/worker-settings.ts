// The messages between a primary and its workers (spec/workers.md). The room workers/ carries them without
// looking into them.

import type { Address } from '../pollset/index.js'
import type { Question } from './questions.js'

/** The first message to each worker. */
export interface WorkerSettings {
  /** The file that lines of the trace are appended to; `-` for standard output; null: there is no trace. */
  readonly trace: string | null
  /** Addresses of the primary at which nothing may be dialled. */
  readonly privateAddresses: readonly Address[]
  /** True: metrics are asked for. */
  readonly measures: boolean
  /**
   * The folder in which its debugger listens, and whether that shows credentials; null: it has no debugger.
   */
  readonly debug: { readonly folder: string; readonly secrets: boolean } | null
}

/** A question to a worker. */
export type WorkerQuestion = Question | { readonly ask: 'metrics' }

/** A report of a worker that nobody asked for. */
export type WorkerNews =
  /** It has begun to drain. */
  { readonly news: 'draining' }

/** The argument that makes a process of the program a worker; the worker's name follows. */
export const WORKER_COMMAND = 'worker'
