// Steps, edges and outcomes: work written in this form can be held between two steps (design:
// Continuations).
//
//   const asking = defineLife({
//     name: 'asking',
//     source: import.meta.url,
//     edges: { ask: ['tell', 'giveUp'], tell: ['done'], giveUp: ['done'] },
//     waits: ['answer'],
//   })
//   const { goto, done } = asking
//   const waitForAnswer = asking.suspend({ then: 'tell', late: 'giveUp', within: 'answer' })
//   const life = asking.steps<Question>({
//     ask(q) { q.waitOn(0, q.reply, ANSWERED); return waitForAnswer },
//     tell(q) { …; return done },
//     giveUp(q) { …; return done },
//   })
//   life.start(world, new Question(world), 'ask')
//
// The compiler rejects an edge to a step that does not exist, and a step that leaves by an edge it has not
// declared. The scheduler checks the same at run time. Names become small integers and bit masks when the
// module loads. Outcomes are made then too, all of one shape, and never in a step.

import type { Deadlines, DurationList } from '../pollset/index.js'
import type { Continuation } from './continuation.js'
import type { World } from './world.js'

export const GOTO = 0
export const SUSPEND = 1
export const DONE = 2

declare const leavesBy: unique symbol

/** The result of a step. `Next` names the edges by which it may leave. */
export interface Outcome<out Next extends string> {
  readonly [leavesBy]?: Next
  /** GOTO, SUSPEND or DONE. */
  readonly kind: number
  /** The step that follows (for SUSPEND: once ready); the number of steps for DONE. */
  readonly next: number
  /** The step after a missed deadline; -1: the wait has no late edge. */
  readonly late: number
  /** The step after a cancel; -1: the cancel stays pending. */
  readonly cancelled: number
  /** The index of the named wait that gives the deadline, or -1. */
  readonly within: number
  /** True: a wait that is met at once resumes only in the next turn, after other continuations. */
  readonly yieldFirst: boolean
  /** The edges this outcome takes, as bits. */
  readonly mask: number
}

class StepOutcome implements Outcome<never> {
  readonly kind: number
  readonly next: number
  readonly late: number
  readonly cancelled: number
  readonly within: number
  readonly yieldFirst: boolean
  readonly mask: number

  constructor(kind: number, next: number, late = -1, cancelled = -1, within = -1, yieldFirst = false) {
    this.kind = kind
    this.next = next
    this.late = late
    this.cancelled = cancelled
    this.within = within
    this.yieldFirst = yieldFirst
    this.mask = (1 << next) | (late < 0 ? 0 : 1 << late) | (cancelled < 0 ? 0 : 1 << cancelled)
  }
}

type Names<E> = Extract<keyof E, string>
export type EdgeTable<E> = { readonly [K in keyof E]: readonly (Names<E> | 'done')[] }

/** Thirty steps and `done` fit one mask of 31 bits, which V8 keeps as a small integer. */
const STEPS_MAX = 30

/** A life with its steps, compiled for the scheduler. */
export interface Program<X> {
  /** The name of the life: `exchange`, `http2.frontend`. A step of it is `exchange.lease`. */
  readonly name: string
  /** The URL of the module that has the steps, for a debugger to show; '' if unknown. */
  readonly source: string
  readonly names: readonly string[]
  readonly edges: { readonly [step: string]: readonly string[] }
  readonly waits: readonly string[]
  /** @internal */
  readonly steps: readonly ((x: X) => Outcome<string>)[]
  /** The edges of each step, as a bit mask. @internal */
  readonly masks: readonly number[]
}

/** A life with its steps: continuations of class `X` can begin at any step of `S`. */
export interface BoundLife<X, S extends string> extends Program<X> {
  /** Starts a new continuation of this World at this step; the step runs in this turn. */
  readonly start: (world: World, x: X, step: S) => void
}

/** The program of a continuation that has not started: it has no steps. */
export const UNSTARTED: Program<never> = {
  name: '-',
  source: '',
  names: [],
  edges: {},
  waits: [],
  steps: [],
  masks: [],
}

export interface Life<E extends EdgeTable<E>, W extends string> {
  readonly name: string
  readonly edges: E
  readonly waits: readonly W[]
  /** Outcomes that continue with another step at once. */
  readonly goto: { readonly [K in Names<E>]: Outcome<K> }
  /** The outcome that ends the continuation. */
  readonly done: Outcome<'done'>
  /**
   * Makes an outcome that waits on the filled slots, for at most the named duration. A `yieldFirst` wait that
   * is met at once resumes only in the next turn.
   */
  suspend<
    const T extends Names<E>,
    const L extends Names<E> = never,
    const C extends Names<E> = never,
  >(wait: { then: T; late?: L; cancelled?: C; within?: W; yieldFirst?: boolean }): Outcome<T | L | C>
  /** Binds one function to each step. */
  steps<X extends Continuation>(
    table: {
      readonly [K in Names<E>]: (x: X) => Outcome<E[K][number]>
    },
  ): BoundLife<X, Names<E>>
  /** Makes the duration lists of the named waits in one World, from durations in ms. */
  durations(deadlines: Deadlines, ms: { readonly [K in W]: number }): readonly DurationList[]
}

export function defineLife<const E extends EdgeTable<E>, const W extends string = never>(life: {
  /** Unique among the lives of a program, such as `exchange`. */
  name: string
  /** `import.meta.url` of the module that binds its steps, so that a debugger can show them. */
  source?: string
  edges: E
  waits?: readonly W[]
}): Life<E, W> {
  const { name: lifeName, source = '', edges } = life
  const names = Object.keys(edges) as Names<E>[]
  const waits = life.waits ?? []
  if (names.length > STEPS_MAX)
    throw new RangeError(`a life has at most ${STEPS_MAX} steps, not ${names.length}`)
  const indexOf = (name: string): number => (name === 'done' ? names.length : names.indexOf(name as Names<E>))
  const goto = {} as { [K in Names<E>]: Outcome<K> }
  for (const name of names) goto[name] = new StepOutcome(GOTO, indexOf(name))
  return {
    name: lifeName,
    edges,
    waits,
    goto,
    done: new StepOutcome(DONE, names.length),
    suspend: ({ then, late, cancelled, within, yieldFirst }) =>
      new StepOutcome(
        SUSPEND,
        indexOf(then),
        late === undefined ? -1 : indexOf(late),
        cancelled === undefined ? -1 : indexOf(cancelled),
        within === undefined ? -1 : waits.indexOf(within),
        yieldFirst === true,
      ),
    steps: <X extends Continuation>(table: { readonly [K in Names<E>]: (x: X) => Outcome<E[K][number]> }) => {
      const program: BoundLife<X, Names<E>> = {
        name: lifeName,
        source,
        names,
        edges: edges as { readonly [step: string]: readonly string[] },
        waits,
        steps: names.map((name) => table[name]),
        masks: names.map((name) =>
          edges[name].reduce((mask: number, to: string) => mask | (1 << indexOf(to)), 0),
        ),
        start: (world, x, step) => world.scheduler.start(x, program, indexOf(step)),
      }
      return program
    },
    durations: (deadlines, ms) => waits.map((wait) => deadlines.every(ms[wait])),
  }
}
