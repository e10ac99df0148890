// Deadlines. A node is part of what it wakes (a continuation extends Deadline), so arming and
// disarming are O(1), allocate nothing and leave nothing behind.
//
// Nearly all waits of a proxy last one of a few named durations. Nodes of the same duration,
// appended as they are armed, are already in order: one list each (DurationList). The odd ones
// (what is left of an interrupted wait) go to a hashed timing wheel (Varghese and Lauck, 1987).

/** An intrusive list node; the owner is woken by {@link expire}. Times are ms of the pollset's clock. */
export abstract class Deadline {
  /** When it falls due; meaningless while not armed. */
  deadlineAt: number
  /** Counts the armings of a World: which of two that fall due together was armed first. */
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

  /** Called once, in a turn, already disarmed. */
  abstract expire(): void
}

/** The ends of a list: a ring with itself as the only node when it is empty. */
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

/** All deadlines of one duration, in the order they fall due. */
export class DurationList {
  /** ms */
  readonly duration: number
  readonly ring: Ring
  private readonly owner: Deadlines

  constructor(owner: Deadlines, duration: number) {
    this.owner = owner
    this.duration = duration
    this.ring = new Ring()
  }

  /** Arm a node that is not armed, this duration from now. */
  arm(node: Deadline): void {
    node.deadlineAt = this.owner.now + this.duration
    node.deadlineOrder = ++this.owner.armings
    this.ring.append(node)
  }
}

const WHEEL_SLOTS = 256
/** ms a slot; what lies further off than a whole round simply stays in its slot for another. */
const WHEEL_SLOT_MS = 16

class TimingWheel {
  private readonly slots: Ring[] = Array.from({ length: WHEEL_SLOTS }, () => new Ring())
  private tick = 0

  arm(node: Deadline, at: number): void {
    node.deadlineAt = at
    const tick = Math.max(Math.floor(at / WHEEL_SLOT_MS), this.tick)
    this.slots[tick % WHEEL_SLOTS].append(node)
  }

  /** Add what is due to `due`, in no order. */
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

  /** Cold: asked when the one timer is set. */
  earliest(): number {
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
  /** ms; the clock as it was read at the beginning of the turn. */
  now = 0
  /** Armings so far. */
  armings = 0
  private readonly due: Deadline[] = []
  private readonly lists = new Map<number, DurationList>()
  private readonly wheel = new TimingWheel()
  /** Something may be in the wheel. */
  private inWheel = false

  /** The list of this duration (ms > 0); the same object for the same number. */
  every(duration: number): DurationList {
    let list = this.lists.get(duration)
    if (list === undefined) {
      list = new DurationList(this, duration)
      this.lists.set(duration, list)
    }
    return list
  }

  /** Arm a node that is not armed at a point in time; for waits that have no named duration. */
  at(node: Deadline, at: number): void {
    this.inWheel = true
    node.deadlineOrder = ++this.armings
    this.wheel.arm(node, at)
  }

  disarm(node: Deadline): void {
    if (node.deadlinePrev !== null) unlink(node)
  }

  /**
   * Fire all that is due, in the order of their times (spec/pollset.md, P17). What a firing arms anew waits
   * for a later turn; what it disarms does not fire.
   */
  expire(now: number): void {
    this.now = now
    const due = this.due
    for (const { ring } of this.lists.values()) {
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
      unlink(node)
      node.expire()
    }
    due.length = 0
  }

  /** The next time something falls due, or Infinity. */
  earliest(): number {
    let at = this.inWheel ? this.wheel.earliest() : Number.POSITIVE_INFINITY
    for (const list of this.lists.values()) {
      const first = list.ring.first
      if (first !== null && first.deadlineAt < at) at = first.deadlineAt
    }
    return at
  }
}
