// A process of ours with IPC: it ends when this one does.

import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

/** A question to a worker. */
export type Question = string | object

export class Worker {
  private readonly process: ChildProcess

  /**
   * @param file a file of this folder, or an absolute path
   * @param nodeArgs arguments for its node
   * @param before the words before its command, as in {@link Pinning}
   */
  constructor(
    file: string,
    args: readonly string[] = [],
    nodeArgs: readonly string[] = [],
    before: readonly string[] = [],
  ) {
    const [program = process.execPath, ...words] = before.length === 0 ? [] : [...before, process.execPath]
    this.process = fork(file.startsWith('/') ? file : join(import.meta.dirname, file), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execPath: program,
      execArgv: [...words, ...nodeArgs],
    })
  }

  get pid(): number {
    return this.process.pid ?? -1
  }

  /** Returns the next message of the child, with the type that the caller expects. */
  next<Answer>(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('a process of the benchmark has ended'))
      this.process.once('exit', ended)
      this.process.once('message', (answer) => {
        this.process.off('exit', ended)
        resolve(answer as Answer)
      })
    })
  }

  ask<Answer>(question: Question): Promise<Answer> {
    const answer = this.next<Answer>()
    this.process.send(question)
    return answer
  }

  end(): Promise<void> {
    return new Promise((resolve) => {
      this.process.once('exit', () => resolve())
      this.process.kill('SIGKILL')
    })
  }
}
