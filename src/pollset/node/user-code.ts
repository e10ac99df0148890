// Finds the errors of code that is not ours, thrown when no call of it is running: in a timer, or in a
// rejection that nobody handles. Each goes to the call that began it (AsyncLocalStorage). All other errors go
// where they would have gone without us: to other listeners of the process, or to its end.

import { AsyncLocalStorage } from 'node:async_hooks'

/** Is given an error of code that it has run. */
type Told = (error: Error) => void

/** Marks our listener. Its value tells whether an error comes from code that it guards. */
const GUARD = Symbol.for('fermata.userCode')

interface Guard {
  (error: unknown): void
  [GUARD]?: () => Told | undefined
}

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const

export class UserCode {
  private storage: AsyncLocalStorage<Told> | null = null

  /** Runs this code. `told` is given each error that it throws later. */
  guard<T>(act: () => T, told: Told): T {
    this.storage ??= this.watch()
    return this.storage.run(told, act)
  }

  /** Ends all guarding. */
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
    // Another server of this process, or the program itself, handles it.
    if (own.length < guards.size || own.some((each) => each[GUARD]?.() !== undefined)) return
    for (const each of own) for (const event of EVENTS) process.off(event, each)
    setImmediate(() => {
      throw error
    })
  }
}
