// A client of HTTP/1.1 of the simulation: one connection after the other, and its requests on them, one at
// a time or pipelined. It leaves, rudely or politely, in the middle of a message too. Its input is
// compared with the output of the backends: it must be the response to this request and no other, complete
// only if that is.

import type { Prng, SimPeerSocket } from '../../src/pollset/index.js'
import { answeredByHand, changedResponseCame } from './checks/by-hand.js'
import { cutOff } from './checks/closing.js'
import { answeredAtEnd } from './checks/h1.js'
import { bodyBelongs, flowIsWhole, framedIsWhole, interimsCame } from './checks/s2.js'
import { forgedField } from './claims.js'
import { Message, OTHER_PROTOCOL, type Request, type Response, type TunnelKind } from './ledger.js'
import type { PeerContext } from './peer.js'
import { acceptOf, headOf, type Outgoing, Peer1 } from './peer1.js'
import { methodOf } from './plan.js'
import { wrongResponse } from './response-fields.js'
import { CHUNKED, type Fields, framingOf, INTERIM, only, UNTIL_CLOSE } from './wire1.js'

const CONNECTIONS_MAX = 12

/** A request and the state of its response. */
class Asked {
  readonly request: Request
  readonly minor: number
  response: Response | null = null
  framing = 0
  received = 0
  trailers: string | null = null
  /** The head of the final response has come. */
  headCame = false
  /** Tags of the interim responses that have come. */
  readonly interims: string[] = []
  /** A tunnel: its handshake key, the client's bytes, whether some left before the answer, whether it is open. */
  key = ''
  flow: Outgoing | null = null
  early = false
  open = false
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
  /** FIN has left behind a whole request, and the answers are waited for. */
  private half = false
  private resetByUs = false
  /** Requests that may be under way at once. */
  private readonly depth: number
  private readonly minor: number
  private readonly unsent: { readonly asked: Asked; readonly outgoing: Outgoing; readonly last: boolean }[] =
    []
  private waitingFor: Asked[] = []
  private readonly dial: () => SimPeerSocket | null

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng, dial: () => SimPeerSocket | null) {
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
    const idle = this.flow === null || this.flow.ended
    return this.toMake === 0 && this.unsent.length === 0 && this.waitingFor.length === 0 && idle
  }

  private begin(chance: Prng): void {
    this.toMake--
    if (this.leaving || this.stage.healed) return
    const { plan, books, pollset } = this.stage
    if (this.minor === 1 && chance.chance(plan.tunnelPercent)) {
      this.beginTunnel(chance)
      return
    }
    const upload = chance.chance(plan.uploadPercent)
    const method = methodOf(upload, chance, plan)
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
    if (plan.forgedPercent > 0 && chance.chance(plan.forgedPercent)) fields.push(forgedField(chance))
    const awaits = total > 0 && this.minor === 1 && chance.chance(plan.expectPercent)
    if (awaits) {
      this.stage.tally('http/1.1: expects 100-continue')
      fields.push(['expect', '100-continue'])
    }
    if (last) fields.push(['connection', 'close'])
    else if (this.minor === 0) fields.push(['connection', 'keep-alive'])
    const head = headOf(`${method} /${request.id} HTTP/1.${this.minor}`, fields)
    const asked = new Asked(request, this.minor)
    const framing = chunked ? CHUNKED : total
    const outgoing: Outgoing = { head, message: request, framing, cutAt: total, awaits }
    this.unsent.push({ asked, outgoing, last })
    this.next()
    if (awaits) pollset.after(plan.expectWaitMs, () => this.goOn(outgoing))
    this.cancelSometime(asked, chance)
  }

  private cancelSometime(asked: Asked, chance: Prng): void {
    const { plan, pollset } = this.stage
    if (chance.chance(plan.cancelPercent)) {
      pollset.after(chance.below(plan.cancelWithinMs + 1), () => {
        if (this.gone || this.stage.healed || !this.waitingFor.includes(asked)) return
        this.stage.tally('http/1.1: cancelled by the client')
        this.rst()
      })
    }
  }

  /** WebSocket by Upgrade, or plain CONNECT: the last request on its connection, unless it is declined. */
  private beginTunnel(chance: Prng): void {
    const { plan, books } = this.stage
    const other = plan.upgradePercent > 0 && chance.chance(plan.upgradePercent)
    const kind: TunnelKind = other ? 'upgrade' : chance.chance(plan.connectPercent) ? 'connect' : 'websocket'
    this.stage.tally(`http/1.1: ${kind}`)
    const total = chance.chance(10) ? 0 : chance.between(1, plan.uploadBytes)
    const request = books.tunnel(kind, total)
    const asked = new Asked(request, this.minor)
    let head: string
    if (kind === 'connect') {
      const target = this.stage.target(request)
      head = headOf(`CONNECT ${target} HTTP/1.1`, [['host', target]])
    } else if (kind === 'upgrade') {
      head = headOf(`POST /${request.id} HTTP/1.1`, [
        ['host', 'sim'],
        ['connection', 'Upgrade'],
        ['upgrade', `other, ${OTHER_PROTOCOL}`],
        ['content-length', '0'],
      ])
    } else {
      asked.key = Buffer.from(Array.from({ length: 16 }, () => chance.below(256))).toString('base64')
      head = headOf(`GET /${request.id} HTTP/1.1`, [
        ['host', 'sim'],
        ['connection', 'keep-alive, Upgrade'],
        ['upgrade', 'websocket'],
        ['sec-websocket-version', '13'],
        ['sec-websocket-key', asked.key],
      ])
    }
    asked.early = kind !== 'upgrade' && chance.chance(plan.earlyOctetsPercent)
    const lasts = chance.chance(plan.lastingPercent)
    asked.flow = { head: '', message: request, framing: UNTIL_CLOSE, cutAt: total, lasts }
    const bare = new Message(request.id, 'request', 0, null, false)
    this.unsent.push({ asked, outgoing: { head, message: bare, framing: 0, cutAt: 0 }, last: true })
    this.next()
    this.cancelSometime(asked, chance)
  }

  /** Starts to send the bytes of the tunnel. */
  private speak(asked: Asked): void {
    if (asked.flow === null) return
    this.flow = asked.request
    this.put(asked.flow)
    asked.flow = null
  }

  private next(): void {
    while (this.unsent.length > 0 && this.waitingFor.length < this.depth && !this.closing && !this.gone) {
      const { asked, outgoing, last } = this.unsent.shift() as (typeof this.unsent)[0]
      if (this.waitingFor.length > 0) this.stage.tally('http/1.1: pipelined')
      this.waitingFor.push(asked)
      if (last) this.closing = true
      this.put(outgoing)
      if (asked.early) {
        this.stage.tally('http/1.1: octets before the tunnel is open')
        this.speak(asked)
      }
    }
  }

  private leave(): void {
    if (this.gone || this.leaving || this.stage.healed) return
    this.leaving = true
    const way = this.chance.below(4)
    this.stage.tally(
      ['http/1.1: client FIN', 'http/1.1: client RST', 'http/1.1: half a head', 'http/1.1: half-closed'][way],
    )
    const tunnel = this.flow !== null || this.waitingFor.some((each) => each.request.tunnel !== null)
    if (way === 2 && this.queue.length === 0 && !tunnel) {
      const half = headOf('GET /none HTTP/1.1', [['host', 'sim']])
      this.far.send(Buffer.from(half.slice(0, this.chance.between(1, half.length - 3))))
    }
    if (way === 1 || (way === 2 && this.chance.chance(50))) this.rst()
    else this.fin()
  }

  override heal(): void {
    this.unsent.length = 0
    super.heal()
  }

  /** It sends nothing in a tunnel that it has asked for either. */
  protected override fin(): void {
    for (const { request } of this.waitingFor) if (request.tunnel !== null) request.ended = true
    super.fin()
  }

  /** The end of the run: no more requests, and FIN. */
  part(): void {
    this.leaving = true
    this.fin()
  }

  /** Behind some it sends FIN, and waits for the answer. */
  protected left({ message }: Outgoing): void {
    const { plan, healed } = this.stage
    const tunnel = this.flow !== null || this.waitingFor.some(({ request }) => request.tunnel !== null)
    if (healed || tunnel || this.queue.length > 0 || plan.halfClosePercent === 0) return
    if (!this.waitingFor.some(({ request }) => request === message)) return
    if (!this.chance.chance(plan.halfClosePercent)) return
    this.stage.tally('http/1.1: FIN behind a request')
    this.half = true
    this.closing = true
    this.fin()
  }

  override ended(): void {
    const [asked] = this.waitingFor
    if (!this.gone && this.half && asked !== undefined)
      answeredAtEnd(asked.id, asked.request.attempts.length, asked.headCame)
    super.ended()
  }

  override closed(): void {
    const [asked] = this.waitingFor
    if (!this.gone && !this.leaving && !this.half && !this.resetByUs && !this.far.near.brokenUp && asked)
      cutOff(asked.request, this.stage.plan)
    super.closed()
  }

  protected override rst(): void {
    this.resetByUs = true
    super.rst()
  }

  protected cut(): void {}

  /** Loses requests without an answer, and sends the rest on another connection. */
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
      this.half = false
      this.resetByUs = false
      this.again(far)
      this.next()
    })
  }

  // Input

  head(start: string, fields: Fields): number {
    const [asked] = this.waitingFor
    const match = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(start)
    if (match === null) this.wrong(`a status line '${start}'`)
    const status = Number(match[1])
    const fault = wrongResponse(status, fields)
    if (fault !== null) this.wrong(fault)
    if (asked === undefined) {
      // It is answered for its half a head.
      if (this.leaving && (status === 400 || status === 408)) return framingOf(this, fields) ?? 0
      this.wrong(`a response ${status} that nobody asked for`)
    }
    if (status < 200) {
      if (status === 101) return this.opened(asked, fields)
      if (asked.minor === 0) this.wrong('an interim response to HTTP/1.0')
      this.interim(asked, fields)
      if (status === 100 && this.queue[0]?.message === asked.request) this.goOn(this.queue[0])
      return INTERIM
    }
    asked.headCame = true
    if (asked.request.tunnel === 'connect' && status < 300) return this.opened(asked, fields)
    // Declined, a handshake was a request like any other; what was said behind it was not.
    if (asked.request.tunnel !== null) this.closing = asked.early
    if (only(this, fields, 'connection') === 'close') this.closing = true
    this.attribute(asked, status, fields)
    asked.framing = this.framing(asked, status, fields)
    return asked.framing
  }

  private interim(asked: Asked, fields: Fields): void {
    const tag = only(this, fields, 'x-i') ?? ''
    // A filter that collects the body has asked for it.
    const isOurs = this.stage.plan.filters === 1 && tag === ''
    if (!isOurs && !tag.startsWith(`${asked.id}.`))
      this.fail('S2', `request ${asked.id} got the interim response ${tag}`)
    asked.interims.push(tag)
  }

  /** The tunnel is open, and the connection is its own. */
  private opened(asked: Asked, fields: Fields): number {
    const { request } = asked
    if (request.tunnel === null) this.wrong(`a tunnel in answer to ${request.method} ${request.id}`)
    if (framingOf(this, fields) !== null) this.wrong('a tunnel with a framing')
    if (request.tunnel === 'websocket') {
      const told = only(this, fields, 'sec-websocket-accept')
      if (told !== acceptOf(asked.key)) this.wrong(`sec-websocket-accept ${told}`)
      if (only(this, fields, 'upgrade')?.toLowerCase() !== 'websocket') this.wrong('101 without upgrade')
    } else if (request.tunnel === 'upgrade' && only(this, fields, 'upgrade') !== OTHER_PROTOCOL)
      this.wrong('101 to another protocol')
    const tag = only(this, fields, 'x-r')
    asked.response =
      tag === null ? (request.responses.at(-1) ?? null) : this.stage.books.responses[Number(tag)]
    if (asked.response?.request !== request || asked.response.broken)
      this.fail('S2', `tunnel ${asked.id} is open, and nobody opened it`)
    if (request.tunnel === 'websocket') interimsCame(asked.id, asked.interims, asked.response)
    this.stage.tally(`http/1.1: ${request.tunnel} open`)
    asked.open = true
    request.opened = true
    asked.framing = UNTIL_CLOSE
    this.closing = true
    this.speak(asked)
    return UNTIL_CLOSE
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

  /** Decides whether it is the backend's answer to this request, or one of the proxy's own. */
  private attribute(asked: Asked, status: number, fields: Fields): void {
    const tag = only(this, fields, 'x-r')
    if (tag === null) {
      const ours = only(this, fields, 'x-fermata') !== null || answeredByHand(asked.request, status)
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
    changedResponseCame(response, fields)
    if (asked.minor === 1) interimsCame(asked.id, asked.interims, response)
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
    if (asked.open && response !== null) {
      flowIsWhole(asked, response)
      return
    }
    // Early bytes may be read as another request, so this connection is not used again.
    if (asked.request.tunnel !== null && asked.early) {
      this.rst()
      return
    }
    if (trailers.length > 0)
      asked.trailers = trailers.map(([name, value]) => (name === 'x-trailer' ? value : `?${name}`)).join()
    if (response !== null) framedIsWhole(asked, response, framing >= 0, framing === CHUNKED)
    this.next()
  }
}
