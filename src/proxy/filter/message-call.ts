// The messages of an exchange, as a filter reads and writes them in a phase. Writes are checked when they are
// made, and errors are kept: a filter that catches the error has still failed.

import type { FieldTable, Head } from '../../http/index.js'
import type { Backend } from '../backend.js'
import type { Exchange } from '../exchange.js'
import { byMethod, refuseAssignments } from './assignments.js'
import type { FilterFields, ResponseOrigin } from './contract.js'
import type { FieldNames } from './field-names.js'
import { CheckedFields, type FieldsOwner, FilterWriteError, type WrittenFields } from './fields.js'
import type { FilterRun } from './run.js'
import { CallKind, FilterUseError, FilterView } from './view.js'

export class MessageCall extends FilterView implements FieldsOwner {
  static {
    refuseAssignments(MessageCall, 'x', byMethod, ['part', 'ownsResponse', 'trailersOf'])
  }

  /** The interim response or the trailers of this call. */
  private part: Head | null
  private ownsResponse: boolean
  private trailersOf: 'request' | 'response'

  constructor(x: Exchange, run: FilterRun) {
    super(x, run)
    this.part = null
    this.ownsResponse = false
    this.trailersOf = 'request'
  }

  get fields(): FilterFields {
    return new CheckedFields(this)
  }

  // Calls

  /** Begins a call. @param kind one of {@link CallKind} */
  begin(kind: number, place: number): this {
    this.kind = kind
    this.place = place
    this.wrong = null
    this.run.armed = null
    this.run.coming = null
    return this
  }

  /** Begins a call that has the interim head, or the trailers as a head. */
  beginPart(kind: number, place: number, part: Head, of: 'request' | 'response'): this {
    this.part = part
    this.trailersOf = of
    return this.begin(kind, place)
  }

  end(): void {
    this.kind = CallKind.NONE
    this.part = null
  }

  // Reading

  get isTrailer(): boolean {
    return this.kind === CallKind.TRAILERS
  }

  get isRequest(): boolean {
    return (this.kind & (CallKind.REQUEST | CallKind.ATTEMPT)) !== 0
  }

  get fieldTable(): FieldTable {
    return this.x.proxy.world.fields
  }

  get written(): WrittenFields {
    return this.x.proxy.written
  }

  get headBytesMax(): number {
    return this.x.proxy.limits.filterHeadBytesMax
  }

  get readHead(): Head {
    const { open: x, kind } = this
    if ((kind & (CallKind.INTERIM | CallKind.TRAILERS)) !== 0) return this.part as Head
    if (kind === CallKind.ATTEMPT) return x.attemptHead ?? x.request
    return (kind & (CallKind.RESPONSE | CallKind.LOG)) !== 0 ? this.response : x.request
  }

  ownHead(): Head {
    const { open: x, kind } = this
    switch (kind) {
      case CallKind.INTERIM:
      case CallKind.TRAILERS:
        return this.part as Head
      case CallKind.ATTEMPT:
        x.attemptHead ??= x.request.copy()
        return x.attemptHead
      case CallKind.RESPONSE:
        return this.ownResponse()
      case CallKind.REQUEST:
        return this.ownRequest()
      default:
        throw this.spoilt(new FilterUseError(`nothing can be written in ${this.phase}`))
    }
  }

  private ownRequest(): Head {
    const { x, run } = this
    if (!run.ownsRequest) {
      run.ownsRequest = true
      x.request = x.request.copy()
    }
    return x.request
  }

  /** Drops the client's copies of the fields that an authentication filter may set. */
  dropClaims(names: FieldNames): void {
    const { fields, pseudos } = this.x.request
    for (let at = pseudos; at < fields.length; at++) {
      if (!names.has(fields[at].name)) continue
      this.ownRequest().removeNamed(names.has)
      return
    }
  }

  protected get response(): Head {
    const { draft, responseHead, backendStream } = this.x
    return draft?.head ?? responseHead ?? (backendStream?.head as Head)
  }

  private ownResponse(): Head {
    const { x } = this
    if (x.draft !== null) return x.draft.head
    if (!this.ownsResponse || x.responseHead === null) {
      this.ownsResponse = true
      x.responseHead = this.response.copy()
    }
    return x.responseHead
  }

  get status(): number {
    const x = this.only('status', CallKind.RESPONSE | CallKind.INTERIM | CallKind.LOG)
    if (this.kind === CallKind.LOG) return x.status
    return this.part?.status ?? this.response.status
  }
  get contentLength(): number {
    this.only('contentLength', CallKind.RESPONSE)
    return this.response.contentLength
  }
  get attempt(): number {
    return this.only('attempt', CallKind.ATTEMPT).tries + 1
  }
  get backend(): string {
    return this.only('backend', CallKind.ATTEMPT | CallKind.RESPONSE).backend?.name ?? ''
  }
  get endpoint(): string {
    return this.only('endpoint', CallKind.ATTEMPT).endpoint?.name ?? ''
  }
  get from(): ResponseOrigin {
    const { draft } = this.only('from', CallKind.RESPONSE)
    return draft === null ? 'backend' : draft.kind
  }
  get of(): 'request' | 'response' {
    this.only('of', CallKind.TRAILERS)
    return this.trailersOf
  }
  get hasBody(): boolean {
    const x = this.only('hasBody', CallKind.RESPONSE)
    const { status } = this.response
    return !x.asksTunnel && x.request.method?.value !== 'HEAD' && status !== 204 && status !== 304
  }
  get noTransform(): boolean {
    this.only('noTransform', CallKind.RESPONSE)
    const value = this.fields.get('cache-control')
    return value !== null && /(?:^|[\s,])no-transform(?:$|[\s,])/i.test(value)
  }
  get outcome(): string {
    return this.only('outcome', CallKind.LOG).outcome
  }
  get ms(): number {
    const x = this.only('ms', CallKind.LOG)
    return x.now - x.receivedAt
  }
  get bytesIn(): number {
    return this.only('bytesIn', CallKind.LOG).frontend.receivedBytes
  }
  get bytesOut(): number {
    return this.only('bytesOut', CallKind.LOG).frontend.sentBytes
  }

  // Writing

  setTarget(target: string): void {
    this.only('setTarget', CallKind.REQUEST | CallKind.ATTEMPT)
    if (target === '*' && this.request.method !== 'OPTIONS')
      throw this.spoilt(new FilterWriteError('only OPTIONS asks for *'))
    this.control('path', target)
  }

  setAuthority(authority: string): void {
    this.only('setAuthority', CallKind.REQUEST | CallKind.ATTEMPT)
    this.control('authority', authority)
  }

  private control(name: 'path' | 'authority', value: string): void {
    const { x } = this
    try {
      const made = (this.kind === CallKind.ATTEMPT ? (x.attemptHead ?? x.request) : x.request).withControl(
        name,
        value,
      )
      if (made.size > this.headBytesMax)
        throw new FilterWriteError(`the head has more than ${this.headBytesMax} bytes with this ${name}`)
      if (this.kind === CallKind.ATTEMPT) x.attemptHead = made
      else {
        this.run.ownsRequest = true
        x.request = made
      }
    } catch (error) {
      throw this.spoilt(error as Error)
    }
  }

  setStatus(status: number): void {
    const x = this.only('setStatus', CallKind.RESPONSE)
    const bodiless = (each: number): boolean => each === 204 || each === 205 || each === 304
    const before = this.response.status
    if (!Number.isInteger(status) || status < 200 || status > 599 || bodiless(status) !== bodiless(before))
      throw this.spoilt(
        new FilterWriteError(`a response of status ${before} cannot get the status ${status}`),
      )
    if (x.asksTunnel) throw this.spoilt(new FilterWriteError('a tunnel is opened by its backend alone'))
    this.setResponse(this.ownResponse().withStatus(this.fieldTable.field(':status', String(status))))
  }

  setBackend(backend: string | Backend): void {
    const x = this.only('setBackend', CallKind.REQUEST)
    const found =
      typeof backend === 'string' ? x.proxy.backends.find((each) => each.name === backend) : backend
    if (found === undefined) throw this.spoilt(new FilterUseError(`there is no backend '${backend}'`))
    this.run.aimAt(found)
  }

  identify(identity: string): void {
    this.only('identify', CallKind.REQUEST)
    this.run.identity = identity
  }

  limitBody(bytesMax: number): void {
    this.only('limitBody', CallKind.REQUEST)
    const { run } = this
    if (bytesMax >= run.bodyBytesMax) return
    run.bodyBytesMax = bytesMax
    run.limitedBy = this.filter
  }

  protected setResponse(head: Head): void {
    const { x } = this
    if (x.draft !== null) x.draft.head = head
    else {
      x.responseHead = head
      this.ownsResponse = true
    }
  }
}
