// The checks of passwords: what was checked lately is remembered, equal checks are made once, and a client
// has a few at a time, so that a flood of wrong passwords fills no queue that others need.

import { LRUCache } from 'lru-cache'
import { keyedDigest, type PasswordHash, passwordCheck } from '../../pollset/index.js'
import { addressKey, type ExchangeView, type PooledTask, type TaskPool } from '../../proxy/index.js'
import { SharedWaits } from './shared-wait.js'

/** How many passwords that were right are remembered, and how many that were wrong. */
const REMEMBERED_MAX = 1_000
/** ms that a wrong password is remembered: a client that repeats one costs one check. */
const WRONG_MS = 10_000

export interface Credentials {
  readonly user: string
  readonly password: Buffer
}

/** A check that runs, or has ended. */
export class PasswordCheck {
  /** Whether the password is right; null while it runs, and if it failed. */
  isRight: boolean | null = null
  /** Why the check could not be made; null if it could. */
  fault: Error | null = null
  readonly waits: SharedWaits

  constructor(empty: () => void) {
    this.waits = new SharedWaits('checks the password', empty)
  }
}

/** Why a check was not begun: the client has as many as it may, or the queue is full. */
export type NoCheck = 'client' | 'queue'

export class PasswordChecks {
  /** ms that a right password is remembered. */
  rightMs = 0
  /** Checks at once of one client: of an IPv4 address, or the /64 of an IPv6 address. */
  perClientMax = 1
  readonly counts = { right: 0, wrong: 0, remembered: 0, refused: 0 }
  /** When each was checked, in ms of the pollset's clock. */
  private readonly right = new LRUCache<string, number>({ max: REMEMBERED_MAX })
  private readonly wrong = new LRUCache<string, number>({ max: REMEMBERED_MAX })
  private readonly running = new Map<string, PasswordCheck>()
  private readonly perClient = new Map<string, number>()
  private readonly digest = keyedDigest(null)
  private readonly pool: TaskPool
  private readonly clock: { readonly now: number }

  constructor(pool: TaskPool, clock: { readonly now: number }) {
    this.pool = pool
    this.clock = clock
  }

  /** Names a check by what it checks. The hash is part of it: a changed password is another check. */
  nameOf({ user, password }: Credentials, hash: PasswordHash): string {
    return this.digest(`${user}\0${password.toString('base64')}\0${hash.text}`)
  }

  /** Returns whether this password was right lately; null if it is not remembered. */
  remembered(name: string): boolean | null {
    const { now } = this.clock
    const since = (cache: LRUCache<string, number>) => now - (cache.get(name) ?? Number.NEGATIVE_INFINITY)
    const found = since(this.right) < this.rightMs ? true : since(this.wrong) < WRONG_MS ? false : null
    if (found !== null) this.counts.remembered++
    return found
  }

  /** Returns the check of this name, which runs, or begins. */
  check(
    name: string,
    { password }: Credentials,
    hash: PasswordHash,
    { clientAddress }: Pick<ExchangeView, 'clientAddress'>,
  ): PasswordCheck | NoCheck {
    const running = this.running.get(name)
    if (running !== undefined) return running
    const client = addressKey(clientAddress)
    const ofClient = this.perClient.get(client) ?? 0
    if (ofClient >= this.perClientMax) {
      this.counts.refused++
      return 'client'
    }
    const task = this.pool.start(passwordCheck(hash, password))
    if (task === null) {
      this.counts.refused++
      return 'queue'
    }
    this.perClient.set(client, ofClient + 1)
    const over = (): void => {
      this.running.delete(name)
      const left = (this.perClient.get(client) as number) - 1
      if (left === 0) this.perClient.delete(client)
      else this.perClient.set(client, left)
    }
    const check = new PasswordCheck(() => {
      task.cancel()
      over()
    })
    check.waits.subject = task
    task.onSettled = () => {
      over()
      this.ended(name, check, task)
    }
    this.running.set(name, check)
    return check
  }

  private ended(name: string, check: PasswordCheck, { fault, value }: PooledTask<boolean>): void {
    check.fault = fault
    if (fault === null) {
      check.isRight = value === true
      this.counts[check.isRight ? 'right' : 'wrong']++
      const { now } = this.clock
      if (!check.isRight) this.wrong.set(name, now)
      else if (this.rightMs > 0) this.right.set(name, now)
    }
    check.waits.tell()
  }

  describe() {
    return { ...this.counts, running: this.running.size, waiting: this.pool.waiting }
  }
}
