// The questions about a server with workers. The worker that has the thing in question answers; or all do,
// and their answers are put together. A worker that does not answer in time is named.

import type { Answers, Workers } from '../workers/index.js'
import type { OverlayChange } from './overlays.js'
import { joinedSpread, type SpreadOutcome } from './purges.js'
import type { Answer, Question, Questions } from './questions.js'

type Answered = (answer: Answer) => void
type Row = Readonly<Record<string, unknown>>
interface List extends Row {
  readonly total: number
  readonly matched: number
  readonly rows: readonly Row[]
}

/** An operator's settings of an endpoint, for workers that start later. */
interface Kept {
  readonly question: Extract<Question, { ask: 'overlay' }>
  /** ms of the clock at which it ends; null: time does not end it */
  readonly until: number | null
}

/** The numbers of an overview whose maximum is shown, not their sum. */
const GREATEST: readonly string[] = ['now', 'uptimeMs']

export class WorkerQuestions implements Questions {
  private readonly workers: Pick<Workers, 'ask'>
  private readonly now: () => number
  private readonly overlays = new Map<string, Kept>()

  /** @param now returns ms of the pollset's clock */
  constructor(workers: Pick<Workers, 'ask'>, now: () => number) {
    this.workers = workers
    this.now = now
  }

  ask(question: Question, answered: Answered): void {
    if (question.ask === 'why' || question.ask === 'end') this.askOne(question.id, question, answered)
    else
      this.workers.ask('all', question, (answers) => {
        const refused = refusalIn(answers)
        if (refused !== null) answered(refused)
        else answered({ json: JSON.stringify(this.joined(question, answers)) })
      })
  }

  /** Applies operators' settings in a worker that begins to serve. */
  remind(worker: string): void {
    const now = this.now()
    for (const [key, { question, until }] of this.overlays) {
      if (until !== null && until <= now) this.overlays.delete(key)
      else {
        const change = { ...question.change, ...(until === null ? {} : { forMs: until - now }) }
        this.workers.ask(worker, { ...question, change } satisfies Question, () => {})
      }
    }
  }

  private askOne(id: string, question: Question, answered: Answered): void {
    const worker = /^(w\d+)\//.exec(id)?.[1]
    if (worker === undefined) {
      answered({
        refused: 'unknown',
        why: `nothing that lives has the id '${id}'; ids begin with a worker, as w1/`,
      })
      return
    }
    this.workers.ask(worker, question, ({ answers: [first], silent }) => {
      if (first !== undefined) answered(first.answer as Answer)
      else if (silent.length > 0) answered({ refused: 'failed', why: `worker ${worker} does not answer` })
      else answered({ refused: 'unknown', why: `there is no worker ${worker}` })
    })
  }

  private joined(question: Question, { answers, silent }: Answers): unknown {
    const told = answers.map(({ from, answer }) => ({ from, value: valueIn(answer as Answer) }))
    if (question.ask === 'list') {
      const { sort, reversed, limit } = question
      return {
        ...listOf(
          told.map(({ value }) => value as List),
          sort,
          reversed,
          limit,
        ),
        ...silence(silent),
      }
    }
    if (question.ask === 'overlay') {
      this.keep(question)
      return { ...(told[0].value as Row), ...silence(silent) }
    }
    if (question.ask === 'purge') {
      const counts = told.map(({ value }) => (value as { readonly removed: number | null }).removed)
      const removed = counts.includes(null)
        ? null
        : counts.reduce<number>((sum, each) => sum + (each ?? 0), 0)
      const spread = joinedSpread(told.map(({ value }) => value as SpreadOutcome))
      const { cache, purged } = told[0].value as Row
      return { cache, purged, removed, ...spread, ...silence(silent) }
    }
    if (question.ask === 'overlays') return told[0].value
    const rows = told.flatMap(({ from, value }) => (value as Row[]).map((row) => ({ worker: from, ...row })))
    return [...rows, ...silent.map((worker) => ({ worker, silent: true }))]
  }

  private keep(question: Extract<Question, { ask: 'overlay' }>): void {
    const { backend, endpoint, change } = question
    const key = `${backend}\0${endpoint}`
    const before = this.overlays.get(key)
    if (change === null) this.overlays.delete(key)
    else {
      const all: OverlayChange = { ...before?.question.change, ...change }
      const { forMs } = change
      const until = forMs === undefined ? (before?.until ?? null) : forMs === null ? null : this.now() + forMs
      this.overlays.set(key, { question: { ...question, change: all }, until })
    }
  }
}

const silence = (silent: readonly string[]): Row => (silent.length === 0 ? {} : { silent })

const valueIn = (answer: Answer): unknown => ('json' in answer ? JSON.parse(answer.json) : null)

/** Returns the reason why a question is refused: a worker refuses it, or none answers. */
function refusalIn({ answers, silent }: Answers): Answer | null {
  if (answers.length === 0)
    return { refused: 'failed', why: `no worker answers: ${silent.join(', ') || 'there is none'}` }
  const refused = answers.find(({ answer }) => 'refused' in (answer as Answer))
  return refused === undefined ? null : (refused.answer as Answer)
}

/** Puts lists together: the sums of the numbers, and the first of all rows. */
function listOf(lists: readonly List[], sort: string, reversed: boolean, limit: number): Row {
  const all: Record<string, unknown> = {}
  for (const list of lists)
    for (const [name, value] of Object.entries(list)) all[name] = both(name, all[name], value)
  const rows = (all.rows as Row[]).sort((a, b) => orderOf(sort, a, b) * (reversed ? -1 : 1))
  return { ...all, rows: rows.slice(0, limit) }
}

function both(name: string, one: unknown, other: unknown): unknown {
  if (one === undefined) return other
  if (Array.isArray(one) && Array.isArray(other)) return [...one, ...other]
  if (typeof one === 'number' && typeof other === 'number')
    return GREATEST.includes(name) ? Math.max(one, other) : one + other
  if (typeof one !== 'object' || typeof other !== 'object') return other
  const sums: Record<string, unknown> = { ...one }
  for (const [step, count] of Object.entries(other ?? {})) sums[step] = both(step, sums[step], count)
  return sums
}

/** Orders rows like the surveys of a worker. */
function orderOf(sort: string, a: Row, b: Row): number {
  if (sort === 'age') return Number(b.ageMs) - Number(a.ageMs)
  if (sort === 'held') return Number(b.heldBytes) - Number(a.heldBytes)
  return String(a[sort]).localeCompare(String(b[sort]), 'en', { numeric: sort === 'id' })
}
