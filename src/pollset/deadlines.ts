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
  deadlinePrev: Deadline | null
  deadlineNext: Deadline | null

  constructor() {
    this.deadlineAt = 0
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

  expire(now: number): void {
    const last = Math.floor(now / WHEEL_SLOT_MS)
    const from = Math.max(this.tick, last - WHEEL_SLOTS + 1)
    for (let tick = from; tick <= last; tick++) {
      const ring = this.slots[tick % WHEEL_SLOTS]
      let node = ring.first
      while (node !== null) {
        const next: Deadline | null = node.deadlineNext === ring ? null : node.deadlineNext
        if (node.deadlineAt <= now) due(node)
        node = next
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

function due(node: Deadline): void {
  unlink(node)
  node.expire()
}

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
  private readonly lists = new Map<number, DurationList>()
  private readonly wheel = new TimingWheel()
  private inWheel = 0

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
    this.inWheel++
    this.wheel.arm(node, at)
  }

  disarm(node: Deadline): void {
    if (node.deadlinePrev !== null) unlink(node)
  }

  /** Fire all that is due. What a firing arms anew waits for a later turn. */
  expire(now: number): void {
    this.now = now
    for (const list of this.lists.values()) {
      for (let node = list.ring.first; node !== null && node.deadlineAt <= now; node = list.ring.first)
        due(node)
    }
    if (this.inWheel !== 0) {
      this.wheel.expire(now)
      if (this.wheel.earliest() === Number.POSITIVE_INFINITY) this.inWheel = 0
    }
  }

  /** The next time something falls due, or Infinity. */
  earliest(): number {
    let at = this.inWheel !== 0 ? this.wheel.earliest() : Number.POSITIVE_INFINITY
    for (const list of this.lists.values()) {
      const first = list.ring.first
      if (first !== null && first.deadlineAt < at) at = first.deadlineAt
    }
    return at
  }
}
