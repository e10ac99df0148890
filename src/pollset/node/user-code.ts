// The errors of code that is not ours, thrown when no call of it is running: in a timer, or a rejection that
// nobody handles. Each goes to the call that began it (AsyncLocalStorage). All others go where they would
// have gone: to other listeners of the process, or to its end.

import { AsyncLocalStorage } from 'node:async_hooks'

/** Is told of an error of code that it has run. */
type Told = (error: Error) => void

/** Marks our listener: the value says whether an error is of code that it guards. */
const GUARD = Symbol.for('fermata.userCode')

interface Guard {
  (error: unknown): void
  [GUARD]?: () => Told | undefined
}

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const

export class UserCode {
  private storage: AsyncLocalStorage<Told> | null = null

  /** Runs this code. An error that it throws later is told to `told`. */
  guard<T>(act: () => T, told: Told): T {
    this.storage ??= this.watch()
    return this.storage.run(told, act)
  }

  /** Guards nothing any longer. */
  close(): void {
    if (this.storage === null) return
    for (const each of EVENTS) process.off(each, this.thrown)
    this.storage.disable()
    this.storage = null
  }

  private watch(): AsyncLocalStorage<Told> {
    this.thrown[GUARD] = () => this.storage?.getStore()
    for (const each of EVENTS) process.on(each, this.thrown)
    return new AsyncLocalStorage()
  }

  private readonly thrown: Guard = (error) => {
    const told = this.storage?.getStore()
    if (told !== undefined) {
      told(error instanceof Error ? error : new Error(String(error)))
      return
    }
    const guards = new Set(
      EVENTS.flatMap((each) => process.listeners(each as NodeJS.Signals) as unknown as Guard[]),
    )
    const own = [...guards].filter((each) => each[GUARD] !== undefined)
    // Another server of this process has it, or the program itself.
    if (own.length < guards.size || own.some((each) => each[GUARD]?.() !== undefined)) return
    for (const each of own) for (const event of EVENTS) process.off(event, each)
    setImmediate(() => {
      throw error
    })
  }
}
