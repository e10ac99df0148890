// Filters whose functions return promises. A function gets a frozen copy of the message and returns a plain
// patch, which a step applies: so microtasks do not change a run. Each call is a task of a bounded pool.

import { type Promised, promised, type TaskWork } from '../pollset/index.js'
import {
  FILTER_BUSY,
  type Filter,
  FilterUseError,
  PASS,
  type PooledTask,
  type ReadFields,
  type RequestPhase,
  type ResponsePhase,
  type TaskPool,
  type Verdict,
  WAIT,
} from '../proxy/index.js'
import type { FilterContext } from './define.js'
import { applyRequest, applyResponse, type RequestPatch, type ResponsePatch } from './patches.js'

/**
 * The fields of a message by name, in lower case. Several lines are joined as in {@link FilterFields.get}.
 */
export type FieldValues = Readonly<Record<string, string>>

/** The parts that both copies have. */
export interface MessageCopy {
  /** The id of the exchange: `m1/s3`. */
  readonly id: string
  /** The name of this filter in the configuration. */
  readonly filter: string
  readonly route: string
  readonly listener: string
  readonly clientAddress: string
  /** `HTTP/1.1` or `HTTP/2` */
  readonly protocol: string
  /** The identity found by an authentication filter; null if none has found one. */
  readonly identity: string | null
  readonly fields: FieldValues
  /** The lines, in order. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  /** A copy of the whole body, if the filter collects it; null if it does not. */
  readonly body: Buffer | null
}

/** A request, as seen by an async function. Frozen. */
export interface RequestCopy extends MessageCopy {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  /** Path and query. */
  readonly target: string
  readonly path: string
  /** The query with its `?`; '' without a query. */
  readonly query: string
  readonly asksTunnel: boolean
}

/** A response, as seen by an async function. Frozen. */
export interface ResponseCopy extends MessageCopy {
  readonly status: number
  readonly from: ResponsePhase['from']
  /** The request; its body is null. */
  readonly request: RequestCopy
}

export interface AsyncCall {
  /** A signal that is aborted when the result is no longer wanted: it is late, or the client has left. */
  readonly signal: AbortSignal
}

type Returned<T> = T | null | undefined | void

/** The functions of an async filter. A function that returns nothing lets the message pass unchanged. */
export interface AsyncPhases {
  request?(request: RequestCopy, call: AsyncCall): Promised<Returned<RequestPatch>> | Returned<RequestPatch>
  /** Is not called for our own refusals: nothing waits for them. */
  response?(
    response: ResponseCopy,
    call: AsyncCall,
  ): Promised<Returned<ResponsePatch>> | Returned<ResponsePatch>
}

export interface AsyncFilterOptions {
  /** The ms that each function has. Default 5,000. */
  readonly within?: number
  /** The calls that run at once. Default 100. */
  readonly calls?: number
  /** The calls that wait for their turn. One more is refused: 503 `filter-busy`. Default 1,000. */
  readonly waiting?: number
  /** The most bytes of a request body, which is then collected. Default: it is not collected. */
  readonly requestBody?: number
  /** The most bytes of a response body, which is then collected. Default: it is not collected. */
  readonly responseBody?: number
}

interface AsyncState {
  task: PooledTask<unknown> | null
}

/** The most calls that were given up, have not settled, and take no place. Further ones keep their places. */
const ABANDONED_MAX = 1_000

/** Makes a filter from functions that return promises, or patches. */
export function asyncFilter(
  context: FilterContext,
  { request, response }: AsyncPhases,
  options: AsyncFilterOptions = {},
): Filter<AsyncState> {
  const { requestBody, responseBody } = options
  const calls = new Calls(context, options)
  const filter: Filter<AsyncState> = { begin: () => ({ task: null }) }
  if (request !== undefined)
    filter.request = (x, s) =>
      calls.phase(x, s, requestBody, (body) => [request, requestCopy(x, body)], applyRequest)
  if (response !== undefined)
    filter.response = (x, s) =>
      x.from === 'refusal'
        ? PASS
        : calls.phase(x, s, responseBody, (body) => [response, responseCopy(x, body)], applyResponse)
  return filter
}

type Called<C> = readonly [act: (copy: C, call: AsyncCall) => unknown, copy: C]

class Calls {
  private readonly context: FilterContext
  private readonly pool: TaskPool
  private readonly within: number

  constructor(context: FilterContext, options: AsyncFilterOptions) {
    const { within = 5_000, calls = 100, waiting = 1_000 } = options
    this.context = context
    this.within = within
    this.pool = context.tasks({
      name: `${context.name}.call`,
      concurrencyMax: calls,
      queueMax: waiting,
      abandonedMax: ABANDONED_MAX,
    })
  }

  /** Runs a phase: calls the function once, waits for its patch, and applies it. */
  phase<X extends RequestPhase | ResponsePhase, C>(
    x: X,
    s: AsyncState,
    bodyBytesMax: number | undefined,
    called: (body: Buffer | null) => Called<C>,
    apply: (x: X, patch: unknown) => Verdict,
  ): Verdict {
    const { pool, within } = this
    if (s.task === null) {
      const body = bodyBytesMax === undefined ? null : x.wholeBody(bodyBytesMax, { within })
      if (body === null && bodyBytesMax !== undefined) return WAIT
      s.task = pool.start(this.workOf(called(body && Buffer.from(body))))
      if (s.task === null) return x.refuse(FILTER_BUSY)
    }
    const { task } = s
    if (!task.settled) return x.waitForTask(task, { within })
    s.task = null
    if (task.fault !== null) throw told(task.fault)
    return task.value === undefined || task.value === null ? PASS : apply(x, task.value)
  }

  /**
   * Returns the work of a call. An error that the function throws later, in a timer, fails the call if it
   * has not settled.
   */
  private workOf<C>([act, copy]: Called<C>): TaskWork<unknown> {
    return (settle, signal) => {
      let isOver = false
      const once: typeof settle = (fault, value) => {
        isOver = true
        settle(fault, value)
      }
      const failed = (error: Error): boolean => {
        if (isOver || signal.aborted) return false
        once(error, null)
        return true
      }
      this.context.guard(() => {
        const returned = act(copy, Object.freeze({ signal }))
        if (isPromise(returned)) promised(() => returned)(once, signal)
        else once(null, returned)
      }, failed)
    }
  }
}

/** Returns the error of a function. That of an assignment to its copy tells the remedy. */
function told(error: Error): Error {
  return error instanceof TypeError && /read.only property|not extensible/.test(error.message)
    ? new FilterUseError(`${error.message}: the copy is frozen, return a patch`, { cause: error })
    : error
}

const isPromise = (value: unknown): value is Promised<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

// Copies

function messageCopy(x: RequestPhase | ResponsePhase, from: ReadFields, body: Buffer | null): MessageCopy {
  const fields: Record<string, string> = Object.create(null)
  const lines: (readonly [string, string])[] = []
  from.each((name, value) => {
    lines.push(Object.freeze([name, value] as const))
    fields[name] ??= from.get(name) ?? ''
  })
  const { id, filter, route, listener, clientAddress, protocol, identity } = x
  return {
    id,
    filter,
    route,
    listener,
    clientAddress,
    protocol,
    identity,
    fields: Object.freeze(fields),
    lines: Object.freeze(lines),
    body,
  }
}

function requestCopy(x: RequestPhase | ResponsePhase, body: Buffer | null): RequestCopy {
  const { method, scheme, authority, target, path, query, asksTunnel, fields } = x.request
  return Object.freeze({
    ...messageCopy(x, fields, body),
    method,
    scheme,
    authority,
    target,
    path,
    query,
    asksTunnel,
  })
}

const responseCopy = (x: ResponsePhase, body: Buffer | null): ResponseCopy =>
  Object.freeze({
    ...messageCopy(x, x.fields, body),
    status: x.status,
    from: x.from,
    request: requestCopy(x, null),
  })
