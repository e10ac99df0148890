// An intrusive list: its members hold the links, so joining and leaving are O(1) and allocate nothing. A
// member is in one list at a time.

import { invariant } from './invariant.js'

/** The links of a member of a {@link List}, written by the list only. */
export interface Listed<T> {
  list: object | null
  listPrev: T | null
  listNext: T | null
}

export class List<T extends Listed<T>> {
  first: T | null = null
  last: T | null = null
  size = 0

  /** Adds a member at the end. */
  push(member: T): void {
    invariant(member.list === null, 'a member is in one list at a time')
    member.list = this
    member.listPrev = this.last
    if (this.last !== null) this.last.listNext = member
    else this.first = member
    this.last = member
    this.size++
  }

  remove(member: T): void {
    invariant(member.list === this, 'a member leaves only the list that it is in')
    const { listPrev, listNext } = member
    if (listPrev !== null) listPrev.listNext = listNext
    else this.first = listNext
    if (listNext !== null) listNext.listPrev = listPrev
    else this.last = listPrev
    member.list = null
    member.listPrev = null
    member.listNext = null
    this.size--
  }

  /** Removes and returns the first member, or null. */
  shift(): T | null {
    const { first } = this
    if (first !== null) this.remove(first)
    return first
  }

  /** Moves all members of another list to the end of this one. */
  takeAll(other: List<T>): void {
    for (let each = other.first; each !== null; each = other.first) {
      other.remove(each)
      this.push(each)
    }
  }

  /** Visits the members from first to last. The visited member may leave meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let each = this.first; each !== null; ) {
      const { listNext }: T = each
      yield each
      each = listNext
    }
  }
}
