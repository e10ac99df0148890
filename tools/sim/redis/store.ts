// The data of a simulated server of Redis, and what its commands do to it. It outlives its connections.

import type { Asked } from './books.js'

/** A connection that waits for an element. */
export interface Waiter {
  /** The server that it is connected with. */
  readonly server: unknown
  /** Gives it the element of this list. */
  give(key: string, element: string): void
}

interface Blocked {
  readonly waiter: Waiter
  readonly keys: readonly string[]
}

/** A connection that is told of keys which change, once it has read them (CLIENT TRACKING). */
export interface Tracker {
  touched(key: string): void
}

class Database {
  /** By key: its value. */
  readonly strings = new Map<string, string>()
  readonly lists = new Map<string, string[]>()
  /** By key: how often it was changed. */
  readonly versions = new Map<string, number>()
  blocked: Blocked[] = []
  private readonly trackers: ReadonlySet<Tracker>

  constructor(trackers: ReadonlySet<Tracker>) {
    this.trackers = trackers
  }

  touch(key: string): void {
    this.versions.set(key, this.version(key) + 1)
    for (const each of this.trackers) each.touched(key)
  }

  version(key: string): number {
    return this.versions.get(key) ?? 0
  }

  /** Gives elements to those that wait for them at this server. */
  serve(key: string, server: unknown): void {
    const list = this.lists.get(key) ?? []
    while (list.length > 0) {
      const found = this.blocked.find(({ keys, waiter }) => waiter.server === server && keys.includes(key))
      if (found === undefined) return
      this.blocked.splice(this.blocked.indexOf(found), 1)
      this.touch(key)
      found.waiter.give(key, list.shift() as string)
    }
  }
}

export class Store {
  readonly trackers = new Set<Tracker>()
  private readonly databases = new Map<number, Database>()

  at(db: number): Database {
    let found = this.databases.get(db)
    if (found === undefined) {
      found = new Database(this.trackers)
      this.databases.set(db, found)
    }
    return found
  }

  /** The keys of this database. */
  size(db: number): number {
    return this.keys(db).length
  }

  /** The keys of this database that exist. */
  keys(db: number): readonly string[] {
    const { strings, lists } = this.at(db)
    return [...strings.keys(), ...[...lists].filter(([, each]) => each.length > 0).map(([key]) => key)]
  }

  has(db: number, key: string): boolean {
    const { strings, lists } = this.at(db)
    return strings.has(key) || (lists.get(key)?.length ?? 0) > 0
  }

  touch(db: number, key: string): void {
    this.at(db).touch(key)
  }

  /** Calls `told` of those that wait at this server for keys which are elsewhere. */
  redirect(isElsewhere: (key: string) => boolean, server: unknown, told: (waiter: Waiter) => void): void {
    for (const each of this.databases.values()) {
      const all = each.blocked.filter(
        ({ keys, waiter }) => waiter.server === server && keys.some(isElsewhere),
      )
      for (const { waiter } of all) told(waiter)
    }
  }

  forget(waiter: Waiter): void {
    for (const each of this.databases.values())
      each.blocked = each.blocked.filter((blocked) => blocked.waiter !== waiter)
  }

  set(db: number, key: string, value: string): void {
    const database = this.at(db)
    database.strings.set(key, value)
    database.touch(key)
  }

  get(db: number, key: string): string {
    return this.at(db).strings.get(key) ?? ''
  }

  push(db: number, key: string, element: string, server: unknown): number {
    const database = this.at(db)
    const list = database.lists.get(key) ?? []
    database.lists.set(key, list)
    list.push(element)
    const { length } = list
    database.touch(key)
    database.serve(key, server)
    return length
  }

  /** Takes an element of the first of these lists that has one; null: all are empty. */
  pop(db: number, keys: readonly string[]): readonly [string, string] | null {
    const database = this.at(db)
    for (const key of keys) {
      const element = database.lists.get(key)?.shift()
      if (element === undefined) continue
      database.touch(key)
      return [key, element]
    }
    return null
  }

  waits(db: number, waiter: Waiter, keys: readonly string[]): void {
    this.at(db).blocked.push({ waiter, keys })
  }

  /** Removes keys. Returns the number of those that were there. */
  remove(db: number, keys: readonly string[]): number {
    const database = this.at(db)
    let count = 0
    for (const key of keys) {
      if (database.strings.delete(key)) count++
      database.touch(key)
    }
    return count
  }

  versions(db: number, keys: readonly string[]): readonly number[] {
    return keys.map((key) => this.at(db).version(key))
  }
}

/** A command that a connection has put aside within MULTI. */
export interface Queued {
  readonly asked: Asked | null
  readonly words: readonly string[]
}
