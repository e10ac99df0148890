// The requests of the Debug Adapter Protocol. Each handler returns the body of its response, or throws a
// CommandError, whose message the client shows.

import type { Continuation } from '../continuation/index.js'
import { type Place, placeOf } from './breakpoints.js'
import { CommandError, find, refuse } from './commander.js'
import { ALL_WORKERS, type DapObject } from './dap-codec.js'
import type { DapSession } from './dap-session.js'
import type { Stride } from './debugger.js'
import { LIST_ROWS, LIST_ROWS_MAX, type ListAsked } from './inquiry.js'
import { completions, evaluate, isCommand } from './language.js'
import type { Survey } from './survey.js'

/** Answers a request: returns the body of the response, or the survey that makes it. */
type Answering = (session: DapSession, given: DapObject) => DapObject | Survey | undefined

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const list = (value: unknown): DapObject[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : []

/** The exception filters: places of errors. */
const FILTERS: readonly {
  readonly filter: string
  readonly label: string
  readonly places: readonly string[]
}[] = [
  { filter: 'refuse', label: 'Requests that are refused', places: ['exchange.refuse'] },
  { filter: 'abort', label: 'Requests that are aborted', places: ['exchange.abort'] },
  { filter: 'late', label: 'Waits that end late', places: ['exchange.*:late'] },
  { filter: 'cancelled', label: 'Requests that are cancelled', places: ['exchange.*:cancelled'] },
  {
    filter: 'fault',
    label: 'Faults of a backend',
    places: ['exchange.retry', 'exchange.refuse', 'exchange.abort'],
  },
]

const FILTER_NAMES = `there are ${FILTERS.map(({ filter }) => filter).join(', ')}`

/** The capabilities that every debugger is told. */
export const CAPABILITIES = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsEvaluateForHovers: true,
  supportsSetVariable: true,
  supportsRestartFrame: true,
  supportsGotoTargetsRequest: true,
  supportsStepInTargetsRequest: true,
  supportsCompletionsRequest: true,
  supportsExceptionInfoRequest: true,
  supportsExceptionFilterOptions: true,
  supportsLoadedSourcesRequest: true,
  supportsTerminateThreadsRequest: true,
  supportsSingleThreadExecutionRequests: true,
  supportsValueFormattingOptions: false,
  exceptionBreakpointFilters: FILTERS.map(({ filter, label }) => ({
    filter,
    label,
    supportsCondition: true,
  })),
}

/** A requested breakpoint: the places where it stops, or the reason why there is none. */
interface Wanted {
  readonly places: readonly (Place | string)[]
  readonly given: DapObject
  readonly line?: number
}

/** Sets the breakpoints of one group, in place of earlier ones. */
function setPoints(session: DapSession, group: string, wanted: readonly Wanted[]): DapObject {
  for (const id of session.pointsBy.get(group) ?? []) session.debugger.removePoint(session, id)
  const { breakpointsMax } = session.debugger.limits
  if (wanted.length > breakpointsMax)
    throw new CommandError(`there are at most ${breakpointsMax} breakpoints`)
  const ids: number[] = []
  if (wanted.length === 0) session.pointsBy.delete(group)
  else session.pointsBy.set(group, ids)
  const breakpoints = wanted.map(({ places, given, line }) => {
    const set: number[] = []
    for (const place of places) {
      const point = typeof place === 'string' ? place : addPoint(session, place, given)
      if (typeof point === 'string') {
        for (const id of set) session.debugger.removePoint(session, id)
        return { verified: false, message: point }
      }
      set.push(point)
    }
    ids.push(...set)
    return { id: set[0], verified: true, ...(line === undefined ? {} : { line }) }
  })
  return { breakpoints }
}

/** Returns the number of the new breakpoint, or the reason for a refusal. */
function addPoint(session: DapSession, place: Place, given: DapObject): number | string {
  const condition = session.debugger.condition(text(given.condition), session)
  if (typeof condition === 'string') return condition
  const wanted = /^\s*(?:>=\s*)?(\d{1,9})\s*$/.exec(text(given.hitCondition) || '1')
  if (wanted === null) return `'${text(given.hitCondition)}' is not a number of hits`
  const log = text(given.logMessage) === '' ? null : text(given.logMessage)
  const options = { place, condition, hits: Number(wanted[1]), once: false, lastPlace: false, log }
  const point = session.debugger.addPoint(session, options)
  return typeof point === 'string' ? point : point.id
}

/** Returns the continuation of the thread that a request names. */
const threadOf = (session: DapSession, { threadId }: DapObject): Continuation =>
  session.views.thread(threadId)

function go(session: DapSession, given: DapObject, stride: Stride): undefined {
  refuse(session.debugger.go(threadOf(session, given), session, stride, null))
}

/** Returns the list that `filter`, `sort`, `descending` and `limit` ask for. */
export function listAsked(given: DapObject, overview: boolean): ListAsked {
  const wanted = Number(given.limit ?? LIST_ROWS)
  const limit = Number.isNaN(wanted) ? LIST_ROWS : Math.max(0, Math.min(LIST_ROWS_MAX, Math.floor(wanted)))
  const reversed = given.descending === true
  return { filter: text(given.filter), sort: text(given.sort) || 'age', reversed, limit, overview }
}

const surveyOf = (session: DapSession, given: DapObject, overview: boolean): Survey =>
  session.debugger.inquiry.list(listAsked(given, overview), session, (why) => session.wrote(why))

export const requests: Readonly<Record<string, Answering>> = {
  initialize: () => CAPABILITIES,

  attach(session, given) {
    const worker = text(given.worker)
    if (worker !== '' && worker !== ALL_WORKERS)
      throw new CommandError(`there is no worker ${worker}: this server has no workers`)
    const filter = text(given.filter)
    session.admit(text(given.token), filter)
    session.filter = filter
    return undefined
  },

  configurationDone: () => undefined,
  disconnect: () => undefined,

  // Threads and their contents

  threads: (session) => ({ threads: session.views.threads(session, session.filter) }),

  stackTrace(session, given) {
    const stackFrames = session.views.stack(threadOf(session, given))
    return { stackFrames, totalFrames: stackFrames.length }
  },

  scopes: (session, { frameId }) => ({
    scopes: session.views.scopes(session.views.frame(frameId), session.secrets),
  }),

  variables(session, { variablesReference }) {
    const { scope } = session.views.scope(variablesReference, session.secrets)
    const variables = scope.variables.map(({ name, value, settable }) => ({
      name,
      value,
      variablesReference: 0,
      ...(settable === true ? {} : { presentationHint: { attributes: ['readOnly'] } }),
    }))
    return { variables }
  },

  setVariable(session, given) {
    const { continuation } = session.views.scope(given.variablesReference, session.secrets)
    refuse(session.debugger.mayChange(continuation, session))
    refuse(session.debugger.target.set(continuation, text(given.name), text(given.value)))
    return { value: text(given.value) }
  },

  exceptionInfo(session, given) {
    const one = threadOf(session, given)
    const holding = session.debugger.holding.get(one)
    return {
      exceptionId: one.stepName,
      description: holding?.text ?? '',
      breakMode: 'always',
      details: { message: session.debugger.inquiry.whyOf(one).text },
    }
  },

  // Breakpoints

  setFunctionBreakpoints(session, given) {
    const programs = session.debugger.programs()
    const wanted = list(given.breakpoints).slice(0, session.debugger.limits.breakpointsMax + 1)
    return setPoints(
      session,
      'functions',
      wanted.map((each) => ({ places: [placeOf(text(each.name), programs)], given: each })),
    )
  },

  setBreakpoints(session, given) {
    const path = text((given.source as DapObject | undefined)?.path)
    const { sources } = session.context
    const programs = session.debugger.programs()
    return setPoints(
      session,
      `source ${path}`,
      list(given.breakpoints).map((each) => {
        const found = sources.stepAt(path, Number(each.line))
        if (found === null) return { places: [`no step of a life is at this line of ${path}`], given: each }
        return {
          places: [placeOf(`${found.life}.${found.step}`, programs)],
          given: each,
          line: found.line,
        }
      }),
    )
  },

  setExceptionBreakpoints(session, given) {
    const programs = session.debugger.programs()
    const options = list(given.filterOptions)
    const names = Array.isArray(given.filters) ? given.filters.map(text) : []
    const wanted = [...names.map((filterId): DapObject => ({ filterId })), ...options]
    // The protocol wants one breakpoint in the answer for each filter, in their order.
    const known = wanted.map((each): Wanted => {
      const filter = FILTERS.find((one) => one.filter === each.filterId)
      if (filter === undefined)
        return { places: [`there is no filter '${text(each.filterId)}': ${FILTER_NAMES}`], given: each }
      const condition = [text(each.condition), filter.filter === 'fault' ? "fault.code != ''" : '']
        .filter((part) => part !== '')
        .map((part) => `(${part})`)
        .join(' && ')
      return { places: filter.places.map((place) => placeOf(place, programs)), given: { condition } }
    })
    return setPoints(session, 'exceptions', known)
  },

  // Going on

  continue(session, given) {
    refuse(session.debugger.release(threadOf(session, given), session))
    return { allThreadsContinued: false }
  },
  next: (session, given) => go(session, given, 'next'),
  stepOut: (session, given) => go(session, given, 'next'),
  stepIn(session, given) {
    const one = threadOf(session, given)
    if (given.targetId === LATE) evaluate(session, `late ${one.id}`)
    else if (given.targetId === CANCELLED) one.cancel()
    return go(session, given, given.targetId === undefined ? 'step' : 'next')
  },
  pause(session, given) {
    refuse(session.debugger.hold(threadOf(session, given), session))
    return undefined
  },
  terminateThreads(session, given) {
    const ids = Array.isArray(given.threadIds) ? given.threadIds : []
    for (const id of ids) session.views.thread(id).cancel()
    return undefined
  },

  stepInTargets(session, { frameId }) {
    const { continuation } = session.views.frame(frameId)
    const wait = continuation.hold?.wait ?? null
    if (wait === null) return { targets: [] }
    const { names } = continuation.program
    const targets = [{ id: READY, label: `when ready → ${names[wait.next]}` }]
    if (wait.late >= 0) targets.push({ id: LATE, label: `late → ${names[wait.late]}` })
    if (wait.cancelled >= 0) targets.push({ id: CANCELLED, label: `cancelled → ${names[wait.cancelled]}` })
    return { targets }
  },

  gotoTargets(session) {
    // The protocol asks for a line of a source, without a thread: the targets are those of the
    // held continuations.
    const targets = session.debugger.holding.all().flatMap((each) => {
      const from = each.hold?.wait === null ? each.program.names[each.hold.from] : each.stepName
      return (each.program.edges[from] ?? [])
        .filter((step) => step !== 'done' && each.mayEnter(step) === null)
        .map((step) => ({
          id: session.views.numberOf(each) * 64 + each.program.names.indexOf(step),
          label: `${each.id} → ${step}`,
          line: session.context.sources.place(each.program.name, step)?.line ?? 0,
        }))
    })
    return { targets }
  },
  goto(session, given) {
    const one = threadOf(session, given)
    const step = one.program.names[Number(given.targetId) % 64] ?? ''
    refuse(session.debugger.mayChange(one, session))
    refuse(session.debugger.target.world.scheduler.redirect(one, step))
    session.stopped(one, 'goto', `goes to ${step} when it goes on`)
    return undefined
  },
  restartFrame(session, { frameId }) {
    const { continuation } = session.views.frame(frameId)
    refuse(session.debugger.mayChange(continuation, session))
    refuse(session.debugger.target.world.scheduler.redirect(continuation, 'retry'))
    session.stopped(continuation, 'restart', 'is tried again when it goes on')
    return undefined
  },

  // Text

  evaluate(session, given) {
    if (given.frameId !== undefined) session.selected = session.views.frame(given.frameId).continuation
    const expression = text(given.expression)
    const [name] = expression.trim().split(/\s+/)
    const isRepl = given.context === 'repl' || given.context === undefined
    const line = isRepl && (isCommand(name) || session.selected === null) ? expression : `print ${expression}`
    return { result: evaluate(session, line), variablesReference: 0 }
  },
  completions(session, given) {
    const before = text(given.text).slice(0, Math.max(0, Number(given.column ?? 1) - 1))
    return { targets: completions(session, before).map((label) => ({ label, type: 'text' })) }
  },

  // Sources

  source(session, given) {
    const source = given.source as DapObject | undefined
    const path = session.views.pathOf(given.sourceReference) ?? text(source?.path)
    const content = session.context.sources.text(path)
    if (content === null) throw new CommandError('only sources of the lives of this server are shown')
    return { content, mimeType: 'text/typescript' }
  },
  loadedSources: (session) => ({
    sources: session.context.sources.paths().map((path) => session.views.source(path)),
  }),

  // Requests of our own, for `fermata ps`, `why`, `end` and `top`

  'fermata/list': (session, given) => surveyOf(session, given, false),
  'fermata/why': (session, given) => ({
    ...session.debugger.inquiry.whyOf(find(session, text(given.id))),
  }),
  'fermata/end': (session, given) => ({ ...session.debugger.inquiry.end(text(given.id)) }),
  // One survey has the counts and the rows, so that they agree.
  'fermata/top': (session, given) => surveyOf(session, given, true),
}

/** The targets of `stepIn`. */
const READY = 1
const LATE = 2
const CANCELLED = 3
