// A thread that checks passwords, one after another (password-threads.ts).

import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { isPassword, type PasswordHash } from './passwords.js'

/** A check, and its outcome. */
export interface PasswordQuestion {
  readonly hash: PasswordHash
  readonly password: Uint8Array
}
export type PasswordAnswer = { readonly isRight: boolean } | { readonly wrong: string }

/** The niceness of this thread above the loop's: where both want a processor, it gets a tenth of it. */
const NICER = 10
const NICEST = 19

/** On Linux a thread has a priority of its own, and 0 stands for this thread. Elsewhere a process has it. */
if (process.platform === 'linux') setPriority(0, Math.min(NICEST, getPriority(0) + NICER))

function answerTo({ hash, password }: PasswordQuestion): PasswordAnswer {
  try {
    return { isRight: isPassword(hash, password) }
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.on('message', (question: PasswordQuestion) => parentPort?.postMessage(answerTo(question)))
