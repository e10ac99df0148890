// A bounded table of what has engines, such as targets or identities (spec/engine.md, E52). When it is full,
// the entry that was asked for longest ago, and that nobody uses, makes room.

export class RecentTable<V> {
  /** The entry that was asked for last stands last. */
  private readonly byKey = new Map<string, V>()
  private readonly most: number
  private readonly isUsed: (value: V) => boolean
  private readonly dropped: (value: V) => void
  private last: string | null = null

  /**
   * @param most the number of entries, at least 1
   * @param isUsed returns true for an entry that must stay
   * @param dropped is called with an entry that has made room
   */
  constructor(most: number, isUsed: (value: V) => boolean, dropped: (value: V) => void) {
    this.most = most
    this.isUsed = isUsed
    this.dropped = dropped
  }

  get size(): number {
    return this.byKey.size
  }

  values(): IterableIterator<V> {
    return this.byKey.values()
  }

  /**
   * Returns the entry of this key, which is made if there is none; null if all entries are used. Throws what
   * `make` throws: then nothing has changed.
   */
  of(key: string, make: () => V): V | null {
    let value = this.byKey.get(key)
    if (value !== undefined && this.last === key) return value
    if (value === undefined) {
      const old = this.byKey.size >= this.most ? this.unused() : undefined
      if (old === null) return null
      value = make()
      if (old !== undefined) this.drop(old)
    } else this.byKey.delete(key)
    this.byKey.set(key, value)
    this.last = key
    return value
  }

  private unused(): string | null {
    for (const [key, value] of this.byKey) if (!this.isUsed(value)) return key
    return null
  }

  private drop(key: string): void {
    const value = this.byKey.get(key) as V
    this.byKey.delete(key)
    this.dropped(value)
  }
}
