// The listening sockets of the primary process. Workers join a listener, and get the accepted connections in
// turn. A listener that is kept stays bound while no worker has joined it: its connections wait, within a
// bound, for a worker that is being replaced.
//
// A worker is passed over while several connections are still on their way to it. So a worker that hangs
// gets only those.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import {
  type Address,
  formatAddress,
  LISTEN_FAILED,
  LISTENING,
  type Listener,
  type NodePollset,
  type RawConnection,
  Signal,
  type SocketFault,
} from '../pollset/index.js'

/** A worker that may be given connections. */
export interface ConnectionTaker {
  /** The number of connections on their way to it. */
  onTheWay: number
  /** True once it has ended. */
  readonly isGone: boolean
  bound(listener: number, address: Address): void
  unbound(listener: number, fault: SocketFault): void
  /** Sends a connection. `given` is called once; false: it has ended, and the connection is still ours. */
  give(listener: number, connection: RawConnection, given: (was: boolean) => void): void
}

export interface SharedListenersEvents {
  bound(address: Address, asked: Address): void
  /** Is told that it has replaced a stale Unix-domain socket. */
  replaced(address: Address): void
}

/** The number of connections on their way to a worker at which it is passed over. */
const ON_THE_WAY_MAX = 8

interface Member {
  readonly taker: ConnectionTaker
  readonly listener: number
}

const keyOf = (address: Address, ordinal: number): string => `${formatAddress(address)} ${ordinal}`

const UNUSED = 1

export const sharedListenerLife = defineLife({
  name: 'shared listener',
  source: import.meta.url,
  edges: { bind: ['tell'], tell: ['close'], close: ['done'] },
})

/** A listening socket, with the workers that have joined it. */
class SharedListener extends Continuation {
  readonly id: string
  readonly asked: Address
  readonly listener: Listener
  /** Rises when nobody uses it any more. */
  readonly unused: Signal
  /** True if it stays bound without a worker. */
  isKept = false
  private readonly key: string
  private readonly owner: SharedListeners
  private readonly members: Member[] = []
  /** The member whose turn it is. */
  private next = 0
  private readonly waiting: RawConnection[] = []
  private onBound: ((fault: SocketFault | null) => void) | null = null

  constructor(owner: SharedListeners, key: string, asked: Address) {
    super(owner.world)
    this.owner = owner
    this.key = key
    this.asked = asked
    this.id = owner.world.nextId('l')
    this.unused = new Signal(`${this.id}.unused`, 'signal', ['UNUSED'])
    this.listener = (owner.world.pollset as NodePollset).listenFor(asked, this.id, (connection) =>
      this.deal(connection),
    )
    sharedListenerSteps.start(owner.world, this, 'bind')
  }

  get kind(): string {
    return 'listener'
  }

  crashed(): void {
    this.close()
  }

  /** Calls `done` when it is bound, or with the fault. */
  whenBound(done: (fault: SocketFault | null) => void): void {
    const { listener, onBound } = this
    if (this.isBound) done(null)
    else if (listener.fault !== null) done(listener.fault)
    else
      this.onBound = (fault) => {
        onBound?.(fault)
        done(fault)
      }
  }

  private isBound = false

  /** Tells the waiters. Returns true if it is bound. */
  tell(): boolean {
    const { listener, onBound, owner } = this
    this.onBound = null
    this.isBound = listener.fault === null
    if (this.isBound) {
      if (listener.replaced) owner.events.replaced(listener.address)
      owner.events.bound(listener.address, this.asked)
    } else owner.forget(this.key)
    onBound?.(listener.fault)
    if (this.isBound) this.closeIfUnused()
    return this.isBound
  }

  join(taker: ConnectionTaker, listener: number): void {
    this.whenBound((fault) => {
      if (taker.isGone) this.closeIfUnused()
      else if (fault !== null) {
        taker.unbound(listener, fault)
      } else {
        taker.bound(listener, this.listener.address)
        this.members.push({ taker, listener })
        this.dealWaiting()
      }
    })
  }

  leave(isLeaving: (member: Member) => boolean): void {
    const at = this.members.findIndex(isLeaving)
    if (at < 0) return
    this.members.splice(at, 1)
    if (at < this.next) this.next--
    this.closeIfUnused()
  }

  closeIfUnused(): void {
    if (this.isKept || this.members.length > 0 || this.onBound !== null) return
    this.owner.forget(this.key)
    this.unused.raise(UNUSED)
  }

  close(): void {
    this.listener.close()
    for (const each of this.waiting) each.close()
    this.waiting.length = 0
  }

  /** Gives the connections that wait to workers that can take them. */
  dealWaiting(): void {
    while (this.waiting.length > 0) {
      const member = this.takeTurn()
      if (member === null) return
      this.give(member, this.waiting.shift() as RawConnection)
    }
  }

  private deal(connection: RawConnection): void {
    const member = this.waiting.length === 0 ? this.takeTurn() : null
    if (member !== null) this.give(member, connection)
    else if (this.waiting.length < this.owner.waitingMax) this.waiting.push(connection)
    else connection.close()
  }

  /** Returns the next worker in turn that can take one; null if there is none. */
  private takeTurn(): Member | null {
    const { members } = this
    for (let tried = 0; tried < members.length; tried++) {
      const member = members[(this.next + tried) % members.length]
      if (member.taker.onTheWay >= ON_THE_WAY_MAX) continue
      this.next = (this.next + tried + 1) % members.length
      return member
    }
    return null
  }

  private give({ taker, listener }: Member, connection: RawConnection): void {
    taker.onTheWay++
    taker.give(listener, connection, (was) => {
      taker.onTheWay--
      if (was) this.owner.dealWaiting()
      else this.deal(connection)
    })
  }
}

export class SharedListeners {
  readonly world: World
  readonly events: SharedListenersEvents
  /** The number of accepted connections that wait at a listener. */
  readonly waitingMax: number
  private readonly all = new Map<string, SharedListener>()

  constructor(world: World, waitingMax: number, events: SharedListenersEvents) {
    this.world = world
    this.waitingMax = waitingMax
    this.events = events
  }

  /**
   * Binds these addresses, and keeps them. `done` is called when all are bound, or with the
   * first that cannot be.
   */
  bind(
    addresses: readonly Address[],
    done: (failed: { address: Address; fault: SocketFault } | null) => void,
  ): void {
    let left = addresses.length
    let isOver = false
    for (const [address, shared] of this.ofAddresses(addresses, (key, asked) => this.obtain(key, asked))) {
      shared.isKept = true
      shared.whenBound((fault) => {
        if (isOver || (fault === null && --left > 0)) return
        isOver = true
        done(fault === null ? null : { address, fault })
      })
    }
    if (left === 0 && !isOver) done(null)
  }

  /** Keeps these addresses, and closes other listeners that no worker uses any more. */
  keep(addresses: readonly Address[]): void {
    const kept = new Set(this.ofAddresses(addresses, (key) => this.all.get(key) ?? null).map(([, it]) => it))
    for (const each of [...this.all.values()]) {
      each.isKept = kept.has(each)
      each.closeIfUnused()
    }
  }

  join(taker: ConnectionTaker, listener: number, address: Address, ordinal: number): void {
    this.obtain(keyOf(address, ordinal), address).join(taker, listener)
  }

  leave(taker: ConnectionTaker, listener: number): void {
    for (const each of [...this.all.values()])
      each.leave((member) => member.taker === taker && member.listener === listener)
  }

  /** Is told that a worker has ended. */
  leaveAll(taker: ConnectionTaker): void {
    for (const each of [...this.all.values()]) each.leave((member) => member.taker === taker)
  }

  dealWaiting(): void {
    for (const each of this.all.values()) each.dealWaiting()
  }

  forget(key: string): void {
    this.all.delete(key)
  }

  private obtain(key: string, address: Address): SharedListener {
    let shared = this.all.get(key)
    if (shared === undefined) {
      shared = new SharedListener(this, key, address)
      this.all.set(key, shared)
    }
    return shared
  }

  private ofAddresses<T extends SharedListener | null>(
    addresses: readonly Address[],
    find: (key: string, address: Address) => T,
  ): [Address, T][] {
    const counts = new Map<string, number>()
    return addresses.map((address) => {
      const name = formatAddress(address)
      const ordinal = counts.get(name) ?? 0
      counts.set(name, ordinal + 1)
      return [address, find(keyOf(address, ordinal), address)]
    })
  }
}

const { goto, done, suspend } = sharedListenerLife
const waitUntilBound = suspend({ then: 'tell' })
const waitForEnd = suspend({ then: 'close' })

const sharedListenerSteps = sharedListenerLife.steps<SharedListener>({
  bind(l) {
    l.waitOn(0, l.listener, LISTENING | LISTEN_FAILED)
    return waitUntilBound
  },
  /** Tells the waiters. The connections bypass the door, straight to the workers. */
  tell(l) {
    if (!l.tell()) return goto.close
    l.listener.lower(LISTENING)
    l.waitOn(0, l.unused, UNUSED)
    return waitForEnd
  },
  close(l) {
    l.close()
    return done
  },
})
