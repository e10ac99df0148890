// A client of HTTP/1.1 of the simulation: one connection after the other, and its requests on them, one at a time or
// pipelined. It leaves, rudely or politely, in the middle of a message too. What it gets is held against what the backends
// sent: the response to this request and no other, complete only if it is.

import type { Prng, SimFar } from '../../src/pollset/index.js'
import type { Request, Response } from './books.js'
import { bodyBelongs, framedIsWhole } from './checks/s2.js'
import type { Stage } from './peer.js'
import { headOf, type Outgoing, Peer1 } from './peer1.js'
import { CHUNKED, type Fields, framingOf, INTERIM, only, UNTIL_CLOSE } from './wire1.js'

const CONNECTIONS_MAX = 12

/** A request, and what has come of its response. */
class Asked {
  readonly request: Request
  readonly minor: number
  response: Response | null = null
  framing = 0
  received = 0
  trailers: string | null = null
  constructor(request: Request, minor: number) {
    this.request = request
    this.minor = minor
  }
  get id(): number {
    return this.request.id
  }
}

export class Client1 extends Peer1 {
  private toMake: number
  private connections = 1
  private leaving = false
  private redialling = false
  /** Either side has said that no more requests follow. */
  private closing = false
  /** Requests that may be under way at once. */
  private readonly depth: number
  private readonly minor: number
  private readonly unsent: { readonly asked: Asked; readonly outgoing: Outgoing; readonly last: boolean }[] =
    []
  private waitingFor: Asked[] = []
  private readonly dial: () => SimFar | null

  constructor(stage: Stage, far: SimFar, chance: Prng, dial: () => SimFar | null) {
    super(stage, far, chance)
    this.dial = dial
    const { plan, pollset } = stage
    stage.tally('http/1.1 client')
    this.toMake = plan.requests
    this.minor = chance.chance(plan.http10Percent) ? 0 : 1
    this.depth = this.minor === 1 && chance.chance(plan.pipelinePercent) ? chance.between(2, 4) : 1
    for (let i = 0; i < plan.requests; i++) {
      pollset.after(chance.below(plan.spreadMs + 1), () => this.begin(this.chance.fork()))
    }
    this.readSlowly()
    if (chance.chance(plan.leavePercent)) pollset.after(chance.below(plan.runMs), () => this.leave())
  }

  get finished(): boolean {
    if (this.gone) return !this.redialling
    return this.toMake === 0 && this.unsent.length === 0 && this.waitingFor.length === 0
  }

  private begin(chance: Prng): void {
    this.toMake--
    if (this.leaving || this.stage.healed) return
    const { plan, books, pollset } = this.stage
    const upload = chance.chance(plan.uploadPercent)
    const method = upload
      ? ['POST', 'PUT', 'PATCH'][chance.below(3)]
      : chance.chance(plan.headPercent)
        ? 'HEAD'
        : 'GET'
    const chunked = upload && this.minor === 1 && !chance.chance(plan.lengthPercent)
    const total = !upload || chance.chance(10) ? 0 : chance.between(1, plan.uploadBytes)
    const trailers = chunked && chance.chance(plan.trailersPercent) ? `t${chance.below(1000)}` : null
    const request = books.request(method, total, trailers, false)
    const last = chance.chance(plan.closePercent) || (this.minor === 0 && chance.chance(30))
    const fields: Fields = [['host', 'sim']]
    if (chunked) fields.push(['transfer-encoding', 'chunked'])
    else if (upload) fields.push(['content-length', String(total)])
    if (chance.chance(plan.fieldsPercent))
      fields.push(['x-hop', 'not for the backend'], ['connection', 'x-hop'])
    if (last) fields.push(['connection', 'close'])
    else if (this.minor === 0) fields.push(['connection', 'keep-alive'])
    const head = headOf(`${method} /${request.id} HTTP/1.${this.minor}`, fields)
    const asked = new Asked(request, this.minor)
    const framing = chunked ? CHUNKED : total
    this.unsent.push({ asked, outgoing: { head, message: request, framing, cutAt: total }, last })
    this.next()
    if (chance.chance(plan.cancelPercent)) {
      pollset.after(chance.below(plan.cancelWithinMs + 1), () => {
        if (this.gone || this.stage.healed || !this.waitingFor.includes(asked)) return
        this.stage.tally('http/1.1: cancelled by the client')
        this.rst()
      })
    }
  }

  private next(): void {
    while (this.unsent.length > 0 && this.waitingFor.length < this.depth && !this.closing && !this.gone) {
      const { asked, outgoing, last } = this.unsent.shift() as (typeof this.unsent)[0]
      if (this.waitingFor.length > 0) this.stage.tally('http/1.1: pipelined')
      this.waitingFor.push(asked)
      if (last) this.closing = true
      this.put(outgoing)
    }
  }

  private leave(): void {
    if (this.gone || this.leaving || this.stage.healed) return
    this.leaving = true
    const way = this.chance.below(4)
    this.stage.tally(
      ['http/1.1: client FIN', 'http/1.1: client RST', 'http/1.1: half a head', 'http/1.1: half-closed'][way],
    )
    if (way === 2 && this.queue.length === 0) {
      const half = headOf('GET /none HTTP/1.1', [['host', 'sim']])
      this.far.send(Buffer.from(half.slice(0, this.chance.between(1, half.length - 3))))
    }
    if (way === 1 || (way === 2 && this.chance.chance(50))) this.rst()
    else this.far.end()
  }

  override heal(): void {
    this.unsent.length = 0
    super.heal()
  }

  /** The end of the run: no more requests, and FIN. */
  part(): void {
    this.leaving = true
    if (!this.gone) this.far.end()
  }

  protected left(): void {}
  protected cut(): void {}

  /** What was asked and not answered is lost; the rest goes on another connection. */
  protected parted(): void {
    this.waitingFor = []
    if (this.leaving || this.stage.healed || this.connections === CONNECTIONS_MAX) return
    if (this.toMake === 0 && this.unsent.length === 0) return
    this.redialling = true
    this.stage.pollset.after(1, () => {
      this.redialling = false
      const far = this.stage.healed ? null : this.dial()
      if (far === null) return
      this.connections++
      this.closing = false
      this.again(far)
      this.next()
    })
  }

  // What comes

  head(start: string, fields: Fields): number {
    const [asked] = this.waitingFor
    const match = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(start)
    if (match === null) this.wrong(`a status line '${start}'`)
    const status = Number(match[1])
    if (asked === undefined) {
      // It is answered for its half a head.
      if (this.leaving && (status === 400 || status === 408)) return framingOf(this, fields) ?? 0
      this.wrong(`a response ${status} that nobody asked for`)
    }
    if (status < 200) {
      if (asked.minor === 0) this.wrong('an interim response to HTTP/1.0')
      return INTERIM
    }
    if (only(this, fields, 'connection') === 'close') this.closing = true
    this.attribute(asked, status, fields)
    asked.framing = this.framing(asked, status, fields)
    return asked.framing
  }

  private framing(asked: Asked, status: number, fields: Fields): number {
    const told = framingOf(this, fields)
    if (told === CHUNKED && asked.minor === 0) this.wrong('chunks to HTTP/1.0')
    if (told === CHUNKED && status === 204) this.wrong('a 204 with a transfer-encoding')
    if (asked.request.method === 'HEAD' || status === 204 || status === 304) return 0
    if (told !== null) return told
    if (!this.closing) this.wrong('a response without framing, and the connection goes on')
    return UNTIL_CLOSE
  }

  /** Whose it is: the backend's answer to this request, or one of the proxy's own. */
  private attribute(asked: Asked, status: number, fields: Fields): void {
    const tag = only(this, fields, 'x-r')
    if (tag === null) {
      const ours = only(this, fields, 'x-fermata') !== null
      if (!ours && !this.leaving && status !== 408 && status !== 503) {
        this.fail('E17', `a request without fault is answered ${status}: ${JSON.stringify(fields)}`)
      }
      return
    }
    const response = this.stage.books.responses[Number(tag)]
    if (response?.request !== asked.request) {
      this.fail('S2', `request ${asked.id} got the response to ${response?.request.id}`)
    }
    asked.response = response
  }

  body(b: Buffer, from: number, to: number): void {
    const [asked] = this.waitingFor
    if (asked === undefined) return
    if (asked.response !== null) bodyBelongs(asked, asked.response, b, from, to)
    asked.received += to - from
  }

  end(trailers: Fields): void {
    const asked = this.waitingFor.shift()
    if (asked === undefined) return
    const { response, framing } = asked
    if (trailers.length > 0)
      asked.trailers = trailers.map(([name, value]) => (name === 'x-trailer' ? value : `?${name}`)).join()
    if (response !== null) framedIsWhole(asked, response, framing >= 0, framing === CHUNKED)
    this.next()
  }
}
