// The checks of passwords. Recent results are remembered, and equal checks are made once. A client has a few
// checks at a time, and clients take turns: another check of a client begins when one of its own has ended.
// So a flood of wrong passwords fills no queue that others need, and delays other clients only briefly.

import { LRUCache } from 'lru-cache'
import {
  keyedDigest,
  List,
  type Listed,
  type PasswordHash,
  type PasswordThreads,
  type Subject,
} from '../../pollset/index.js'
import { addressKey, type ExchangeView, type PooledTask, type TaskPool } from '../../proxy/index.js'
import { SharedWaits } from './shared-wait.js'

/** The number of right passwords, and of wrong ones, that are remembered. */
const REMEMBERED_MAX = 1_000
/** The ms for which a wrong password is remembered: a client that repeats one costs one check. */
const WRONG_MS = 10_000

export interface Credentials {
  readonly user: string
  readonly password: Buffer
}

/** The checks of one client. */
class Client implements Subject {
  readonly kind = 'client'
  readonly id: string
  /** The number of checks that run or wait. */
  checks = 0
  /** The number of checks in the pool. */
  begun = 0
  /** The checks that are not in the pool. */
  readonly waiting = new List<PasswordCheck>()

  constructor(address: string) {
    this.id = address
  }
}

/** A check that waits, runs or has ended. */
export class PasswordCheck implements Listed<PasswordCheck> {
  list: object | null = null
  listPrev: PasswordCheck | null = null
  listNext: PasswordCheck | null = null
  /** True if the password is right; null while the check runs, and if it failed. */
  isRight: boolean | null = null
  /** The reason why the check could not be made; null if it could. */
  fault: Error | null = null
  /** True if it was not made, since the queue was full. */
  isRefused = false
  /** The task; null while it waits for the client's turn. */
  task: PooledTask<boolean> | null = null
  readonly waits: SharedWaits
  readonly name: string
  readonly client: Client
  readonly hash: PasswordHash
  readonly password: Buffer

  constructor(
    name: string,
    client: Client,
    hash: PasswordHash,
    password: Buffer,
    empty: (check: PasswordCheck) => void,
  ) {
    this.name = name
    this.client = client
    this.hash = hash
    this.password = password
    this.waits = new SharedWaits('checks the password', () => empty(this))
  }
}

/** The reason why a check was not begun: the client has as many as it may, or the queue is full. */
export type NoCheck = 'client' | 'queue'

export class PasswordChecks {
  /** The ms for which a right password is remembered. */
  rightMs = 0
  /** The most checks of one client at once: of an IPv4 address, or the /64 of an IPv6 address. */
  perClientMax = 1
  readonly counts = { right: 0, wrong: 0, remembered: 0, refused: 0 }
  /** The time of each check, in ms of the pollset's clock. */
  private readonly right = new LRUCache<string, number>({ max: REMEMBERED_MAX })
  private readonly wrong = new LRUCache<string, number>({ max: REMEMBERED_MAX })
  private readonly running = new Map<string, PasswordCheck>()
  private readonly clients = new Map<string, Client>()
  private readonly digest = keyedDigest(null)
  private readonly pool: TaskPool
  private readonly threads: PasswordThreads
  private readonly clock: { readonly now: number }

  constructor(pool: TaskPool, threads: PasswordThreads, clock: { readonly now: number }) {
    this.pool = pool
    this.threads = threads
    this.clock = clock
  }

  /**
   * Returns the name of a check, made from its input. The hash is part of it: a changed password
   * is another check.
   */
  nameOf({ user, password }: Credentials, hash: PasswordHash): string {
    return this.digest(`${user}\0${password.toString('base64')}\0${hash.text}`)
  }

  /** Returns whether this password was right recently; null if it is not remembered. */
  remembered(name: string): boolean | null {
    const { now } = this.clock
    const since = (cache: LRUCache<string, number>) => now - (cache.get(name) ?? Number.NEGATIVE_INFINITY)
    const found = since(this.right) < this.rightMs ? true : since(this.wrong) < WRONG_MS ? false : null
    if (found !== null) this.counts.remembered++
    return found
  }

  /** Returns the check of this name: one that runs or waits, or a new one. */
  check(
    name: string,
    { password }: Credentials,
    hash: PasswordHash,
    { clientAddress }: Pick<ExchangeView, 'clientAddress'>,
  ): PasswordCheck | NoCheck {
    const running = this.running.get(name)
    if (running !== undefined) return running
    const address = addressKey(clientAddress)
    const client = this.clients.get(address) ?? new Client(address)
    const wrong = this.whyNot(client)
    if (wrong !== null) {
      this.counts.refused++
      return wrong
    }
    const check = new PasswordCheck(name, client, hash, password, (each) => this.giveUp(each))
    this.clients.set(address, client)
    this.running.set(name, check)
    client.checks++
    check.waits.subject = client
    client.waiting.push(check)
    this.proceed(client)
    return check
  }

  private whyNot({ checks, begun }: Client): NoCheck | null {
    if (checks >= this.perClientMax) return 'client'
    const { running, waiting, options } = this.pool
    const isFull = running >= options.concurrencyMax && waiting >= options.queueMax
    return begun < options.concurrencyMax && isFull ? 'queue' : null
  }

  /** Begins the checks that the client may have in the pool: no more than can run at once. */
  private proceed(client: Client): void {
    while (client.begun < this.pool.options.concurrencyMax) {
      const check = client.waiting.first
      if (check === null) return
      const task = this.pool.start(this.threads.check(check.hash, check.password))
      // One of its own checks will end, and then it goes on.
      if (task === null && client.begun > 0) return
      client.waiting.remove(check)
      if (task === null) {
        this.refuse(check)
        continue
      }
      client.begun++
      check.task = task
      check.waits.subject = task
      task.onSettled = () => this.ended(check, task)
    }
  }

  /** Refuses a check, since the pool has filled meanwhile: a hash that was given up keeps its place. */
  private refuse(check: PasswordCheck): void {
    this.counts.refused++
    check.isRefused = true
    this.forget(check)
    check.waits.tell()
  }

  /** Gives up a check that nobody waits for any longer. */
  private giveUp(check: PasswordCheck): void {
    if (check.task === null) check.client.waiting.remove(check)
    else {
      check.task.cancel()
      check.client.begun--
    }
    this.over(check)
  }

  private over(check: PasswordCheck): void {
    this.forget(check)
    this.proceed(check.client)
  }

  private forget({ name, client }: PasswordCheck): void {
    this.running.delete(name)
    client.checks--
    if (client.checks === 0) this.clients.delete(client.id)
  }

  private ended(check: PasswordCheck, { fault, value }: PooledTask<boolean>): void {
    check.client.begun--
    this.over(check)
    check.fault = fault
    if (fault === null) {
      check.isRight = value === true
      this.counts[check.isRight ? 'right' : 'wrong']++
      const { now } = this.clock
      if (!check.isRight) this.wrong.set(check.name, now)
      else if (this.rightMs > 0) this.right.set(check.name, now)
    }
    check.waits.tell()
  }

  describe() {
    const { running, clients, pool } = this
    const held = [...clients.values()].reduce((sum, { waiting }) => sum + waiting.size, 0)
    return { ...this.counts, running: running.size, waiting: pool.waiting + held }
  }
}
