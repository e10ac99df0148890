// The contract of filters (spec/filters.md): the phases of an exchange in which a filter is called, its
// possible acts in each, and its verdicts. Every method is synchronous. To wait for something, a filter arms
// a wait and returns WAIT, and the same phase is called again.

import type { Pollable } from '../../pollset/index.js'
import type { Backend } from '../backend.js'
import type { Refusal } from '../refusal.js'
import type { AnswerSource } from './answer-source.js'
import type { PreparedFields } from './answers.js'
import type { PreparedChange } from './prepared-change.js'
import type { Subrequest, SubrequestOptions } from './subrequest.js'
import type { PooledTask } from './tasks.js'

// Verdicts: the results of a phase.

/** The exchange goes on. Changes stay. */
export const PASS = 1
/** The phase is called again, once its wait has ended: {@link WaitPhase.waitFor}. */
export const WAIT = 2
/** The answer of {@link AnswerPhase.answer} is sent, and no backend is asked. */
export const ANSWER = 3
/** The refusal of {@link WaitPhase.refuse} is sent. */
export const REFUSE = 4
/** Only in `interim`: the interim response is not passed on. */
export const DROP = 5

export type Verdict = typeof PASS | typeof WAIT | typeof ANSWER | typeof REFUSE | typeof DROP

/**
 * A filter, shared by all exchanges of its routes. `S` is its state for one exchange: plain data, which
 * snapshots show. A method that throws harms only its own exchange (500 `filter-failed`), and is counted.
 */
export interface Filter<S = undefined> {
  /**
   * The fields of the request that it may set to identify the client. The client's copies are dropped before
   * its `request`, in all spellings, even if it sets none.
   */
  readonly identityFields?: readonly string[]
  /** Makes its state for an exchange, before its first phase. */
  begin?(x: ExchangeView): S
  /** Is called once, before an endpoint is chosen, and again after each wait. */
  request?(x: RequestPhase, state: S): Verdict
  /** Is called before each attempt, when the endpoint is chosen and no lease is held. */
  attempt?(x: AttemptPhase, state: S): Verdict
  /** Is called for each interim response except 100 and 101. Returns PASS or DROP. */
  interim?(x: InterimPhase, state: S): Verdict
  /**
   * Is called once, with the final head, before any of it leaves. Our own refusals and answers come here too.
   */
  response?(x: ResponsePhase, state: S): Verdict
  /** Is called when a body with trailers has ended. They may be changed as fields are. */
  trailers?(x: TrailersPhase, state: S): void
  /**
   * Is called in place of the phase when its wait is late. It must not wait. Without it `onFailure` decides:
   * 504 `filter-late`, or the exchange passes.
   */
  late?(x: RequestPhase | AttemptPhase | ResponsePhase, state: S): Verdict
  /** Is called once, when the exchange has ended. It must not wait, and may only add log fields. */
  log?(x: LogPhase, state: S): void
  /**
   * Is called exactly once for each `begin`, on every path, last: the only place to release what it holds.
   */
  release?(state: S): void
  /** Is called when no route has it any longer. Exchanges that have begun may still call it. */
  close?(): void
  /**
   * Forgets stored responses. Returns the number of removed responses; null if they are removed when they
   * are next asked for.
   */
  purge?(what: Purge): number | null
  /** The way in which its purges reach other processes; null if they do not. */
  readonly purges?: SharedPurging | null
  /** Returns its counts since it began, by names of its own, for metrics. */
  events?(): Readonly<Record<string, number>>
  /** Returns the data that operators see. */
  describe?(): Readonly<Record<string, unknown>>
}

/** Tells other processes of purges. */
export interface SharedPurging {
  /** @param told is called once: with null, or with the reason why they were not told */
  spread(what: Purge, told: (why: string | null) => void): void
}

/** The responses that a cache forgets: those of a URL, of all URLs with a prefix, with a tag, or all. */
export type Purge =
  | { readonly url: string }
  | { readonly prefix: string }
  | { readonly tag: string }
  | { readonly all: true }

/** Fields that a filter may read and write. Names in any case; they are sent in lower case. */
export interface FilterFields {
  /** Returns the value; null without the field. Several lines are joined by `, `, cookies by `; `. */
  get(name: string): string | null
  /** Returns the value of each line. */
  lines(name: string): readonly string[]
  has(name: string): boolean
  /** Calls `visit` for each line, in order. */
  each(visit: (name: string, value: string) => void): void
  /**
   * Replaces all lines of this name by one line, or by one line for each value. A write that a codec would
   * refuse throws, and the exchange is answered 500: an invalid name or value, a pseudo-field, a field of
   * framing or of one connection (spec/filters.md, K5).
   */
  set(name: string, value: string | readonly string[]): void
  /** Adds a line. */
  append(name: string, value: string): void
  remove(name: string): void
  /**
   * Makes a change that is checked once, for filters that make the same one of each message.
   * @internal
   */
  change(change: PreparedChange): void
}

/** Fields that can only be read. */
export type ReadFields = Pick<FilterFields, 'get' | 'lines' | 'has' | 'each'>

/** The view that every phase has of its exchange. Any use of it after the phase has returned throws. */
export interface ExchangeView {
  /** The id of the exchange: `m1/s3`. */
  readonly id: string
  /** The name of this filter in the configuration. */
  readonly filter: string
  readonly route: string
  readonly listener: string
  /** The client's address, as reported by trusted proxies. */
  readonly clientAddress: string
  /** `HTTP/1.1` or `HTTP/2` */
  readonly protocol: string
  /** The client's verified certificate; null without one. */
  readonly clientCertificate: { readonly subject: string; readonly fingerprint: string } | null
  /** ms of the monotonic clock, the same in the whole turn */
  readonly now: number
  /** ms since 1970-01-01 UTC */
  readonly wallTime: number
  /** The request in its current form. */
  readonly request: RequestView
  /** The identity found by an authentication filter; null if none has found one. */
  readonly identity: string | null
  /** True if the request has an identity from any source: Authorization, a certificate, or a filter. */
  readonly isIdentified: boolean
  /** Adds a field `filters.NAME.FIELD` to the access log. */
  note(field: string, value: string | number | boolean): void
}

export interface RequestView {
  readonly method: string
  /** `http` or `https`, as reported by trusted proxies. */
  readonly scheme: string
  /** Host and port; '' without a host. */
  readonly authority: string
  /** Path and query; `*` for the server as a whole. */
  readonly target: string
  /** The path without its query. */
  readonly path: string
  /** The query with its `?`; '' without a query. */
  readonly query: string
  /** The announced length; -1 without one. */
  readonly contentLength: number
  /** True if it asks for a tunnel: CONNECT, extended CONNECT or an Upgrade. */
  readonly asksTunnel: boolean
  readonly fields: ReadFields
}

/** The bound of a filter's wait. */
export interface WaitOptions {
  /** ms from the first wait of the phase on: a filter that waits again gets no more time. 1 to 86,400,000. */
  readonly within: number
}

/** A phase that may wait and refuse. */
export interface WaitPhase extends ExchangeView {
  /**
   * Waits until one of these bits of the pollable is up; returns WAIT. The pollable must have no
   * other waiter: if many wait for one thing, give each a Signal of its own. Test again when the
   * phase is called again.
   */
  waitFor(pollable: Pollable, bits: number, options: WaitOptions): Verdict
  /**
   * Waits until this task has settled; returns WAIT. Read its `value` and `fault` when the phase is
   * called again. The task is given up if the wait ends in another way: it was late, the client has left,
   * or the filter has failed. Only one filter can wait for a task: if many wait for one, give each a
   * Signal of its own.
   */
  waitForTask(task: PooledTask<unknown>, options: WaitOptions): Verdict
  /**
   * Waits for this time, at most 86,400,000 ms; returns WAIT. Then the phase is called again,
   * and is not late.
   */
  pause(ms: number): Verdict
  /** Refuses the request; returns REFUSE. */
  refuse(refusal: Refusal, more?: RefusalDetails): Verdict
}

export interface RefusalDetails {
  /** The fields of the answer, such as `retry-after`. */
  readonly fields?: readonly FieldLine[]
  /** The status in place of that of the refusal, 400 to 599. */
  readonly status?: number
  /** The text in place of that of the refusal. Clients see it if the status is below 500. */
  readonly text?: string
}

export type FieldLine = readonly [name: string, value: string]

/** An answer in place of the backend's. */
export interface FilterAnswer {
  /** 200 to 999 */
  readonly status: number
  /** The fields, which are checked as each write is. Content-Length and Date are ours. */
  readonly fields?: readonly FieldLine[]
  /** Fields that come before these, checked once by {@link prepareFields}. */
  readonly prepared?: PreparedFields
  /** The whole body. Text is sent as UTF-8. */
  readonly body?: string | Uint8Array
  /** A body that comes in time, in place of `body`. */
  readonly source?: AnswerSource
  /** The length of `source`, if it is known. */
  readonly length?: number
  /** The outcome in logs; default `answered`. */
  readonly outcome?: 'answered' | 'redirected' | 'denied' | 'unauthorized'
}

export interface AnswerPhase extends WaitPhase {
  /** Answers in place of the backend; returns ANSWER. Only filters to the left see the answer. */
  answer(answer: FilterAnswer): Verdict
  /**
   * Makes a request of its own, like this one or to another backend, and returns it after it has begun.
   * From a tunnel it needs a target of its own, and is no tunnel. The filter reads its response, answers
   * with it, or leaves it.
   */
  subrequest(options: SubrequestOptions): Subrequest
  /**
   * Returns the whole body of the request, if it has come and is available: it is held, or kept for another
   * attempt (`retry.replay`). Null if it is not, or has more bytes. It delays nothing.
   */
  requestBody(bytesMax: number): Buffer | null
  /**
   * Returns true if filters may hold this many bytes more now: they have a quarter of the soft
   * bound on held bytes.
   */
  mayHold(bytes: number): boolean
}

export interface RequestPhase extends AnswerPhase {
  readonly fields: FilterFields
  /** Replaces path and query. The route stays. Throws if it is not a path. */
  setTarget(target: string): void
  /** Replaces `:authority` and Host. Throws if it is not HOST or HOST:PORT. */
  setAuthority(authority: string): void
  /** Sends the request to this backend, or to the configured one of this name. Throws if there is none. */
  setBackend(backend: string | Backend): void
  /** Notes the identity of the request's client. */
  identify(identity: string): void
  /**
   * Refuses a body of more bytes: 413 before the response head, and a cut after it. The lowest limit counts.
   */
  limitBody(bytesMax: number): void
  /**
   * Transforms the body: `make` is called for each attempt. Its announced length and its digests are dropped.
   * A request without a body stays without one, and so does a tunnel.
   */
  transformBody(make: () => BodyTransform): void
  /**
   * Collects the whole body. The held body is then sent, also in retries. Returns it, or null while it comes:
   * return WAIT then. A body of more than `bytesMax` is answered 413.
   */
  wholeBody(bytesMax: number, options: WaitOptions): Buffer | null
  /** Replaces the body that {@link wholeBody} has returned. */
  setBody(body: string | Uint8Array): void
}

export interface AttemptPhase extends WaitPhase {
  /** The number of the attempt, from 1. */
  readonly attempt: number
  readonly backend: string
  /** The URL of the endpoint. */
  readonly endpoint: string
  /** A copy of the fields, for this attempt only. */
  readonly fields: FilterFields
  setTarget(target: string): void
  setAuthority(authority: string): void
}

export interface InterimPhase extends ExchangeView {
  readonly status: number
  readonly fields: FilterFields
}

export type ResponseOrigin = 'backend' | 'answer' | 'refusal'

export interface ResponsePhase extends AnswerPhase {
  readonly status: number
  /** The origin: a backend, an answer of a filter or route, or a refusal. Nothing can wait in a `refusal`. */
  readonly from: ResponseOrigin
  /** The name of the backend that it comes from; '' without one. */
  readonly backend: string
  /** The announced length; -1 without one. */
  readonly contentLength: number
  /**
   * True if it has a body, which may be empty: it is no answer to HEAD, no 204 or 304, and opens no tunnel.
   */
  readonly hasBody: boolean
  /** The bytes of its whole body, if all of it has come and no filter transforms it; else -1. */
  readonly bodyBytes: number
  /** True if Cache-Control has no-transform: its body cannot be transformed (RFC 9110 §7.7). */
  readonly noTransform: boolean
  readonly fields: FilterFields
  /** Changes the status: 200 to 599. */
  setStatus(status: number): void
  /**
   * Transforms the body, and changes the head accordingly: its length, digests and ranges go, and a strong
   * ETag becomes a weak one. For HEAD it changes only the head. Returns false, and does nothing, if the body
   * must stay unchanged: 204, 206, 304, tunnels, refusals, `noTransform`.
   */
  transformBody(make: () => BodyTransform): boolean
  /**
   * Collects the whole body of a backend's response. Returns it, or null while it comes: return WAIT then. A
   * body of more than `bytesMax` is answered 502.
   */
  wholeBody(bytesMax: number, options: WaitOptions): Buffer | null
  /** Replaces the body that {@link wholeBody} has returned, or that of our own answer. */
  setBody(body: string | Uint8Array): void
}

export interface TrailersPhase extends ExchangeView {
  readonly of: 'request' | 'response'
  readonly fields: FilterFields
}

export interface LogPhase extends ExchangeView {
  readonly status: number
  readonly outcome: string
  /** ms of the whole exchange */
  readonly ms: number
  /** Bytes of the bodies that have come from the client, and left for it. */
  readonly bytesIn: number
  readonly bytesOut: number
}

/** The input of a transform: a body, or the output of another transform. */
export interface BodyInput {
  /** The bytes that can be taken now. */
  readonly available: number
  /** True once the whole body has come, and `available` is the rest. */
  readonly ended: boolean
  /** Copies up to `bytes` into `target`; returns their number. */
  take(target: Buffer, at: number, bytes: number): number
}

/** A transform of one body. It is pulled: it is called only when its output has room. */
export interface BodyTransform {
  /** The most bytes that it holds between calls. They count as held bytes until it ends. */
  readonly holdBytesMax: number
  /**
   * The bytes that it holds now. Past `holdBytesMax` a request is answered 413, and a response is cut.
   */
  readonly heldBytes: number
  /** True once all of its output has been written. */
  readonly ended: boolean
  /**
   * Takes input and writes output: at most `room` bytes at `at`. Returns the number of bytes. 0 means that it
   * waits for more input, or for a task: it calls the `wake` of {@link begin} when that has ended.
   */
  pull(input: BodyInput, out: Buffer, at: number, room: number): number
  /** Is called once, before the first pull. `wake` may be called in any turn. */
  begin?(wake: () => void): void
  /** Is called once, on every path. */
  end?(): void
}
