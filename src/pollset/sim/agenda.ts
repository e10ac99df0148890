// The planned events of a simulated network, in the order of their times.

interface SimEvent {
  readonly at: number
  readonly order: number
  readonly act: () => void
}

const before = (a: SimEvent, b: SimEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** The planned events as a binary heap: the earliest first; of events at one time, the one planned first. */
export class Agenda {
  private readonly heap: SimEvent[] = []
  private orders = 0

  get earliest(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : this.heap[0].at
  }

  add(at: number, act: () => void): void {
    const { heap } = this
    const event = { at, order: this.orders++, act }
    let hole = heap.length
    heap.push(event)
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (before(heap[parent], event)) break
      heap[hole] = heap[parent]
      hole = parent
    }
    heap[hole] = event
  }

  shift(): SimEvent {
    const { heap } = this
    const first = heap[0]
    const moved = heap.pop() as SimEvent
    const size = heap.length
    if (size === 0) return first
    let hole = 0
    for (let child = 1; child < size; child = 2 * hole + 1) {
      if (child + 1 < size && before(heap[child + 1], heap[child])) child++
      if (before(moved, heap[child])) break
      heap[hole] = heap[child]
      hole = child
    }
    heap[hole] = moved
    return first
  }

  clear(): void {
    this.heap.length = 0
  }
}
