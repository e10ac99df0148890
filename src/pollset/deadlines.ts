// Deadlines. A deadline is the list node of the thing that it wakes (a continuation extends Deadline). So
// arming and disarming are O(1), allocate nothing and leave nothing behind.
//
// Nearly all waits of a proxy last one of a few named durations. Nodes of one duration, appended as they are
// armed, are already in order, so each duration has a list (DurationList). Other deadlines, such as the rest
// of an interrupted wait, go to a hashed timing wheel (Varghese and Lauck, 1987).

/** An intrusive list node, whose {@link expire} is called when it is due. */
export abstract class Deadline {
  /** The time at which it is due, in ms of the pollset's clock; meaningless while not armed. */
  deadlineAt: number
  /** The number of its arming in this World: of two nodes due together, the lower expires first. */
  deadlineOrder: number
  deadlinePrev: Deadline | null
  deadlineNext: Deadline | null

  constructor() {
    this.deadlineAt = 0
    this.deadlineOrder = 0
    this.deadlinePrev = null
    this.deadlineNext = null
  }

  get deadlineArmed(): boolean {
    return this.deadlinePrev !== null
  }

  /** Is called once, in a turn, after it was disarmed. */
  abstract expire(): void
}

/**
 * A list as a ring through this node. An empty ring has no other node. It is not a List: a node is in a ring
 * and in the list of the living at once, and leaves without knowing which ring it is in.
 */
class Ring extends Deadline {
  constructor() {
    super()
    this.deadlinePrev = this
    this.deadlineNext = this
  }
  override expire(): void {}

  get first(): Deadline | null {
    return this.deadlineNext === this ? null : this.deadlineNext
  }

  append(node: Deadline): void {
    const last = this.deadlinePrev as Deadline
    node.deadlinePrev = last
    node.deadlineNext = this
    last.deadlineNext = node
    this.deadlinePrev = node
  }
}

/** All deadlines of one duration, in the order in which they are due. */
export class DurationList {
  /** ms */
  readonly duration: number
  readonly ring: Ring
  /** It is among those that {@link Deadlines} visits: it has had a node since it was found empty. */
  visited: boolean
  private readonly owner: Deadlines

  constructor(owner: Deadlines, duration: number) {
    this.owner = owner
    this.duration = duration
    this.ring = new Ring()
    this.visited = false
  }

  /** Arms a node, which must not be armed, to expire this duration from now. */
  arm(node: Deadline): void {
    node.deadlineAt = this.owner.now + this.duration
    node.deadlineOrder = ++this.owner.armings
    if (!this.visited) this.owner.visit(this)
    this.ring.append(node)
  }
}

/** The number of lists from which on lists without nodes are forgotten. */
const LISTS_KEPT = 256

const WHEEL_SLOTS = 256
/** ms of one slot. A deadline more than one round away stays in its slot for another round. */
const WHEEL_SLOT_MS = 16

class TimingWheel {
  private readonly slots: Ring[] = Array.from({ length: WHEEL_SLOTS }, () => new Ring())
  private tick = 0
  /** The time of the earliest deadline, while it is known. */
  private first = Number.POSITIVE_INFINITY
  private firstKnown = true

  arm(node: Deadline, at: number): void {
    node.deadlineAt = at
    if (at < this.first) this.first = at
    const tick = Math.max(Math.floor(at / WHEEL_SLOT_MS), this.tick)
    this.slots[tick % WHEEL_SLOTS].append(node)
  }

  /** Adds all nodes that are due to `due`, in no order. */
  collect(now: number, due: Deadline[]): void {
    const last = Math.floor(now / WHEEL_SLOT_MS)
    const from = Math.max(this.tick, last - WHEEL_SLOTS + 1)
    for (let tick = from; tick <= last; tick++) {
      const ring = this.slots[tick % WHEEL_SLOTS]
      for (let node = ring.first; node !== null && node !== ring; node = node.deadlineNext) {
        if (node.deadlineAt <= now) due.push(node)
      }
    }
    this.tick = last
  }

  /** Notes that a node with this time leaves. It may be one of a list. */
  leaves(at: number): void {
    if (at === this.first) this.firstKnown = false
  }

  /**
   * Returns the time of the earliest deadline, or Infinity. After the earliest has left it visits all nodes.
   */
  earliest(): number {
    if (!this.firstKnown) {
      this.first = this.findEarliest()
      this.firstKnown = true
    }
    return this.first
  }

  private findEarliest(): number {
    let at = Number.POSITIVE_INFINITY
    for (const ring of this.slots) {
      for (let node = ring.first; node !== null && node !== ring; node = node.deadlineNext) {
        if (node.deadlineAt < at) at = node.deadlineAt
      }
    }
    return at
  }
}

const inOrder = (a: Deadline, b: Deadline): number =>
  a.deadlineAt - b.deadlineAt || a.deadlineOrder - b.deadlineOrder

function unlink(node: Deadline): void {
  const prev = node.deadlinePrev as Deadline
  const next = node.deadlineNext as Deadline
  prev.deadlineNext = next
  next.deadlinePrev = prev
  node.deadlinePrev = null
  node.deadlineNext = null
}

/** All deadlines of one World. */
export class Deadlines {
  /** The clock as read at the start of the turn, in ms. */
  now = 0
  /** The number of armings so far. */
  armings = 0
  private readonly due: Deadline[] = []
  private readonly lists = new Map<number, DurationList>()
  private listsMax = LISTS_KEPT
  /** The lists that may have nodes. */
  private readonly visits: DurationList[] = []
  private readonly wheel = new TimingWheel()
  /** True while the wheel may have a node. */
  private inWheel = false

  /**
   * Returns the list of this duration (ms, above 0): the same object for the same number, as long as
   * the list has nodes or there are few lists. A list that is forgotten here stays usable for those
   * that still hold it.
   */
  every(duration: number): DurationList {
    let list = this.lists.get(duration)
    if (list === undefined) {
      if (this.lists.size >= this.listsMax) this.forget()
      list = new DurationList(this, duration)
      this.lists.set(duration, list)
    }
    return list
  }

  /** Forgets lists without nodes, since each reload may bring other durations. */
  private forget(): void {
    for (const [duration, { ring }] of this.lists) if (ring.first === null) this.lists.delete(duration)
    this.listsMax = Math.max(LISTS_KEPT, 2 * this.lists.size)
  }

  /** Is called by a list before its first node. */
  visit(list: DurationList): void {
    list.visited = true
    this.visits.push(list)
  }

  /** Leaves out the lists that have no node. */
  private prune(): void {
    let kept = 0
    for (const list of this.visits) {
      if (list.ring.first === null) list.visited = false
      else this.visits[kept++] = list
    }
    this.visits.length = kept
  }

  /**
   * Arms a node, which must not be armed, to expire at this time (ms). It serves waits without
   * a named duration.
   */
  at(node: Deadline, at: number): void {
    this.inWheel = true
    node.deadlineOrder = ++this.armings
    this.wheel.arm(node, at)
  }

  disarm(node: Deadline): void {
    if (node.deadlinePrev === null) return
    this.wheel.leaves(node.deadlineAt)
    unlink(node)
  }

  /**
   * Expires all nodes that are due, in the order of their times (spec/pollset.md, P17). A node that is armed
   * meanwhile waits for a later turn; one that is disarmed meanwhile does not expire.
   */
  expire(now: number): void {
    this.now = now
    const due = this.due
    // A deadline that threw has left the rest here.
    due.length = 0
    this.prune()
    for (const { ring } of this.visits) {
      let node = ring.first
      for (; node !== null && node !== ring && node.deadlineAt <= now; node = node.deadlineNext)
        due.push(node)
    }
    if (this.inWheel) {
      this.wheel.collect(now, due)
      this.inWheel = this.wheel.earliest() !== Number.POSITIVE_INFINITY
    }
    if (due.length === 0) return
    due.sort(inOrder)
    const armings = this.armings
    for (let i = 0; i < due.length; i++) {
      const node = due[i]
      if (node.deadlinePrev === null || node.deadlineOrder > armings) continue
      this.wheel.leaves(node.deadlineAt)
      unlink(node)
      node.expire()
    }
    due.length = 0
  }

  /** Returns when the next deadline is due, in ms, or Infinity. */
  earliest(): number {
    let at = this.inWheel ? this.wheel.earliest() : Number.POSITIVE_INFINITY
    for (const list of this.visits) {
      const first = list.ring.first
      if (first !== null && first.deadlineAt < at) at = first.deadlineAt
    }
    return at
  }
}
