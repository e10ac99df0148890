// Shows and changes requests of all protocols for the debugger, the admin listener and their lists. Each
// protocol has its kind of request.

import { type Continuation, type Program, stepOf } from '../continuation/index.js'
import type {
  Key,
  Link,
  Moment,
  Name,
  Row,
  RowKey,
  Scope,
  Tally,
  Target,
  Vocabulary,
} from '../debugger/index.js'
import type { TransportWorld } from '../transport/index.js'
import { described, type RequestKind, waitsOf } from './request-kind.js'
import { RequestTally } from './request-tally.js'
import { placesMaxOf, waitersFor } from './waiters.js'

/** Names that all requests have. */
const COMMON: Vocabulary<Moment> = {
  step: {
    type: 'string',
    about: 'the step it takes next, or waits in',
    read: ({ continuation }) => continuation.stepName,
  },
  from: { type: 'string', about: 'the step it comes from', read: ({ from }) => from },
  id: { type: 'string', about: 'its id, such as m3/s5', read: ({ continuation }) => continuation.id },
  waits: { type: 'string', about: 'what it waits on', read: ({ continuation }) => waitsOf(continuation) },
}

/** Several kinds may have a name: it is read from the one that a request is of. */
function joined(all: readonly Vocabulary<Moment>[]): Vocabulary<Moment> {
  const names = new Map<string, Name<Moment>>()
  for (const vocabulary of all)
    for (const [name, each] of Object.entries(vocabulary)) {
      const before = names.get(name)
      const read = (moment: Moment) => before?.read(moment) ?? each.read(moment)
      names.set(name, before === undefined ? each : ({ ...before, read } as Name<Moment>))
    }
  return Object.fromEntries(names)
}

export class RequestTarget implements Target {
  readonly world: TransportWorld
  readonly vocabulary: Vocabulary<Moment>
  private readonly kinds: readonly RequestKind<Continuation>[]
  private readonly startedAt: number

  constructor(world: TransportWorld, kinds: readonly RequestKind<Continuation>[]) {
    this.world = world
    this.kinds = kinds
    this.vocabulary = joined([...kinds.map(({ vocabulary }) => vocabulary), COMMON])
    this.startedAt = world.pollset.now
  }

  /** Lives that a breakpoint may name before one of them lives. */
  get lives(): readonly Program<never>[] {
    return this.kinds.flatMap(({ lives }) => lives)
  }

  private kindOf(c: Continuation): RequestKind<Continuation> | null {
    for (const kind of this.kinds) if (kind.takes(c)) return kind
    return null
  }

  isRequest(c: Continuation): boolean {
    return this.kindOf(c) !== null
  }

  row(c: Continuation): Row | null {
    return this.kindOf(c)?.row(c) ?? null
  }

  scopes(c: Continuation, secrets: boolean): readonly Scope[] {
    return this.kindOf(c)?.scopes(c, secrets, this.waitersOn(c)) ?? [described('Values', c)]
  }

  chain(c: Continuation): readonly Link[] {
    const first = { label: `${stepOf(c)} · ${c.id}`, subject: c }
    return [first, ...(this.kindOf(c)?.chain(c) ?? [])]
  }

  tally(): Tally {
    return new RequestTally(this.world.pollset, this.kinds, this.startedAt)
  }

  keyOf(c: Continuation, by: RowKey): Key {
    if (by === 'step') return stepOf(c)
    return by === 'id' ? c.id : (this.kindOf(c)?.keyOf(c, by) ?? c.id)
  }

  waitersOn(c: Continuation): readonly string[] {
    const kind = this.kindOf(c)
    return kind === null ? [] : [...waitersFor(kind.leasedOf(c)), ...kind.waitersOn(c)]
  }

  lastPlace(c: Continuation, held: readonly Continuation[]): string | null {
    const engine = this.kindOf(c)?.leasedOf(c) ?? null
    if (engine === null) return null
    const places = held.filter((each) => this.kindOf(each)?.leasedOf(each) === engine).length
    return places + 1 < placesMaxOf(engine)
      ? null
      : `it has the last free place of ${engine.name} (use last-place)`
  }

  set(c: Continuation, name: string, value: string): string | null {
    const kind = this.kindOf(c)
    if (kind === null) return `${c.id} has nothing that may be changed`
    return c.held ? kind.set(c, name, value) : `${c.id} is not held: hold it first`
  }

  answer(c: Continuation, status: number, text: string): string | null {
    const kind = this.kindOf(c)
    if (kind === null) return `${c.id} is not a request`
    return c.held ? kind.answer(c, status, text) : `${c.id} is not held: hold it first`
  }

  end(c: Continuation): void {
    this.kindOf(c)?.end(c)
  }
}
