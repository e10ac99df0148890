// A backend of HTTP/1.1 of the simulation: one connection that the proxy has made. It answers promptly,
// slowly, early or not at all, in any framing, in full or not; ends its connection at any time, even just as
// a request comes, or sends more than it was asked for. Its input is compared with the clients' output, and
// with the rules of retrying.

import type { Prng, SimPeerSocket } from '../../src/pollset/index.js'
import { changedRequestCame } from './checks/by-hand.js'
import { agreesOnIdle } from './checks/h1.js'
import { mayComeAgain } from './checks/r.js'
import { bodyBelongs, flowIsWhole, framedIsWhole } from './checks/s2.js'
import { forgery } from './claims.js'
import { CHECK_PATH, type Host } from './endpoints.js'
import { givenUp } from './inside.js'
import { stormOf, tagged } from './interims.js'
import { type Attempt, idOf, OTHER_PROTOCOL, type Request, type Response } from './ledger.js'
import type { PeerContext } from './peer.js'
import { acceptOf, headOf, type Outgoing, Peer1 } from './peer1.js'
import { CHUNKED, type Fields, framingOf, only, UNTIL_CLOSE } from './wire1.js'

/** A request and the state of its answer. */
class Served {
  readonly request: Request
  readonly attempt: Attempt
  readonly silent: boolean
  readonly early: boolean
  framing = 0
  received = 0
  trailers: string | null = null
  /** It has come whole; its answer was begun; it has left. */
  whole = false
  answering = false
  answered = false
  /** True once it has thought: it only waits for the request's end. */
  due = false
  /** Interim responses sent, and how they are tagged. */
  interims = 0
  readonly interimTag: string
  expects = false
  /** The client's key of a handshake, and whether we accepted it. */
  key = ''
  open = false
  constructor(request: Request, attempt: Attempt, silent: boolean, early: boolean) {
    this.request = request
    this.attempt = attempt
    this.interimTag = request.interimTag
    this.silent = silent
    this.early = early
  }
  get id(): number {
    return this.request.id
  }
}

export class Backend1 extends Peer1 {
  private serving: Served | null = null
  /** The backend has sent bytes that answer no request, so nothing it sends next is a response. */
  private saidMore = false
  /** It has said that no request follows. */
  private last = false
  /** ms that it has said it keeps the connection idle; 0: it has not. */
  private keepsMs = 0
  /** Counts the times that it became idle or was asked. */
  private idles = 0
  private readonly onLeft: (peer: Backend1) => void
  private readonly host: Host | null
  /** Its one request is an active check. */
  private isCheck = false

  /** @param host the host of the connection; null without endpoints */
  constructor(
    stage: PeerContext,
    far: SimPeerSocket,
    chance: Prng,
    onLeft: (peer: Backend1) => void,
    host: Host | null = null,
  ) {
    super(stage, far, chance)
    this.onLeft = onLeft
    this.host = host
    const { plan, pollset } = stage
    stage.tally('http/1.1 backend connection')
    this.readSlowly()
    if (chance.chance(plan.diePercent)) pollset.after(chance.below(plan.runMs), () => this.die())
  }

  protected parted(): void {
    this.onLeft(this)
  }

  /** True if FIN would make a response whole that ends with the connection. */
  private get endsWhole(): boolean {
    return this.flow === null && this.queue.length > 0 && this.queue[0].framing === UNTIL_CLOSE
  }

  private die(): void {
    if (this.gone || this.stage.healed) return
    if (this.endsWhole || this.chance.chance(50)) {
      this.stage.tally('http/1.1: backend RST')
      this.rst()
    } else {
      this.stage.tally('http/1.1: backend FIN')
      this.fin()
    }
  }

  /** It has said that it would. */
  private idleOver(idles: number): void {
    if (this.gone || this.far.ended || idles !== this.idles) return
    // Unread bytes keep the connection in use: nothing is sent on it.
    if (agreesOnIdle(this.stage.plan) && this.far.idle)
      this.fail('H1', `idle for the ${this.keepsMs} ms that it told, and not closed before`)
    this.stage.tally('http/1.1: idle for as long as told')
    this.fin()
  }

  override heal(): void {
    super.heal()
    const { serving } = this
    if (serving?.silent && this.chance.chance(50)) this.answer(serving)
  }

  // Input

  head(start: string, fields: Fields): number {
    if (start === `GET ${CHECK_PATH} HTTP/1.1` && this.host !== null) {
      this.isCheck = true
      return 0
    }
    const match = /^([A-Z]+) (\/\d+(?:\?hand=\d+)?) HTTP\/1\.1$/.exec(start)
    if (match === null) this.wrong(`a request line '${start}'`)
    const request = this.stage.books.requests[idOf(match[2])]
    const webSocket = request?.tunnel === 'websocket'
    if ((webSocket ? 'GET' : request?.method) !== match[1]) this.fail('S2', `a request nobody made: ${start}`)
    const forged = forgery(fields)
    if (forged !== null) this.fail('S2', forged)
    changedRequestCame(request, match[2], fields)
    if (this.serving !== null) this.wrong(`request ${request.id} while ${this.serving.id} is under way`)
    this.idles++
    if (this.last) this.wrong(`request ${request.id} on a connection that was to end`)
    if (only(this, fields, 'host') === null) this.wrong(`request ${request.id} without host`)
    if (!fields.some((each) => each[0] === 'via')) this.wrong(`request ${request.id} without via`)
    if (fields.some((each) => each[0] === 'x-hop')) this.wrong('a field that was for the connection before')
    const dead = (): boolean => this.gone || this.far.ended || givenUp(this.far.near)
    if (!dead()) mayComeAgain(request)
    const attempt: Attempt = { refused: false, dead }
    request.attempts.push(attempt)
    const { plan, healed, pollset } = this.stage
    const silent = !healed && this.chance.chance(plan.silentPercent)
    const serving = new Served(request, attempt, silent, this.chance.chance(plan.earlyPercent))
    this.serving = serving
    serving.expects = fields.some((each) => each[0] === 'expect')
    if (webSocket) this.handshake(serving, fields)
    else if (request.tunnel === 'upgrade') this.upgrade(serving, fields)
    this.plan(serving)
    if (serving.expects && !serving.silent && this.chance.chance(plan.continuePercent))
      pollset.after(this.chance.below(plan.thinkMs + 1), () => this.interim(serving, '100 Continue'))
    serving.framing = framingOf(this, fields) ?? 0
    return serving.framing
  }

  private handshake(serving: Served, fields: Fields): void {
    const asks =
      only(this, fields, 'upgrade') === 'websocket' && only(this, fields, 'connection') === 'upgrade'
    if (!asks || only(this, fields, 'sec-websocket-version') !== '13')
      this.wrong(`request ${serving.id} without its handshake: ${JSON.stringify(fields)}`)
    serving.key = only(this, fields, 'sec-websocket-key') ?? ''
    if (framingOf(this, fields) !== null) this.wrong('a handshake with content')
  }

  /** Another protocol: the request comes as it is, with one protocol. */
  private upgrade(serving: Served, fields: Fields): void {
    if (only(this, fields, 'upgrade') !== OTHER_PROTOCOL || only(this, fields, 'connection') !== 'upgrade')
      this.wrong(`request ${serving.id} without its upgrade: ${JSON.stringify(fields)}`)
    if (framingOf(this, fields) !== 0) this.wrong('an upgrade with another framing')
    serving.key = OTHER_PROTOCOL
  }

  override received(bytes: Uint8Array): void {
    super.received(bytes)
    const { serving } = this
    if (serving !== null && serving.key !== '' && !serving.open && !this.reader.between)
      this.fail('S2', `octets of tunnel ${serving.id} before it is open`)
  }

  private plan(serving: Served): void {
    const { plan, pollset, healed } = this.stage
    const { chance } = this
    if (healed) {
      pollset.after(0, () => this.answer(serving))
      return
    }
    if (serving.silent) this.stage.tally('http/1.1: silent')
    else if (chance.chance(plan.refusedPercent)) {
      const delay = chance.chance(50) ? 0 : chance.below(plan.thinkMs + 20)
      pollset.after(delay, () => this.endInstead(serving))
    } else pollset.after(chance.below(plan.thinkMs + 1), () => this.answer(serving))
    if (chance.chance(plan.rstPercent)) {
      pollset.after(chance.below(plan.thinkMs + 50), () => {
        if (this.gone || this.stage.healed || this.serving !== serving) return
        this.stage.tally('http/1.1: reset by the backend')
        this.rst()
      })
    }
    if (plan.interimStormPercent > 0 && chance.chance(plan.interimStormPercent))
      pollset.after(chance.below(plan.thinkMs + 1), () => this.storm(serving))
    if (!chance.chance(plan.interimPercent)) return
    pollset.after(chance.below(plan.thinkMs + 1), () =>
      this.interim(serving, chance.chance(50) ? '103 Early Hints' : '100 Continue'),
    )
  }

  private interim(serving: Served, status: string): void {
    if (this.gone || this.far.ended || serving.answering) return
    this.stage.tally('http/1.1: interim')
    const tag = tagged(serving, Number(status.slice(0, 3)))
    this.far.send(Buffer.from(headOf(`HTTP/1.1 ${status}`, [['x-i', tag]])))
  }

  private storm(serving: Served): void {
    if (this.gone || this.far.ended || serving.answering) return
    this.stage.tally('http/1.1: interim storm')
    for (let left = stormOf(serving); left > 0; left--) this.interim(serving, '103 Early Hints')
  }

  /** The connection ends in the place of an answer. */
  private endInstead(serving: Served): void {
    if (this.gone || this.stage.healed || serving.answering) return
    this.stage.tally('http/1.1: ended as a request came')
    if (this.chance.chance(50)) this.rst()
    else this.fin()
  }

  body(b: Buffer, from: number, to: number): void {
    const serving = this.serving as Served
    bodyBelongs(serving, serving.request, b, from, to)
    serving.received += to - from
  }

  end(trailers: Fields): void {
    if (this.isCheck) {
      this.isCheck = false
      const status = this.host?.fails === true ? '503' : '200'
      this.far.send(Buffer.from(headOf(`HTTP/1.1 ${status} Told`, [['content-length', '0']])))
      return
    }
    const serving = this.serving as Served
    if (serving.open) {
      // With a wrong answer to the handshake, or more said than was asked before it, it was none.
      if ((this.flow as Response).broken || this.saidMore) return
      flowIsWhole(serving, serving.request)
      return
    }
    if (serving.key !== '') {
      serving.whole = true
      return
    }
    if (trailers.length > 0)
      serving.trailers = trailers.map(([name, value]) => (name === 'x-trailer' ? value : `?${name}`)).join()
    framedIsWhole(serving, serving.request, serving.framing >= 0, serving.framing === CHUNKED)
    serving.whole = true
    if (serving.answered) this.serving = null
    else if (serving.due && !serving.silent) this.answer(serving)
  }

  // Output

  private answer(serving: Served): void {
    if (this.gone || this.far.ended || serving.answering) return
    if (!serving.whole && !serving.early) {
      serving.due = true
      return
    }
    serving.answering = true
    const { chance } = this
    const { plan, books, healed } = this.stage
    const tunnel = serving.key !== ''
    if (tunnel && this.host?.fails !== true && (healed || !chance.chance(plan.declinePercent))) {
      this.open(serving)
      return
    }
    if (!serving.whole) this.stage.tally('http/1.1: early response')
    let status = chance.chance(4) ? 204 : chance.chance(4) ? 304 : chance.chance(5) ? 500 : 200
    if (tunnel) {
      this.stage.tally('http/1.1: tunnel declined')
      // A success that is no 101 opens nothing.
      status = chance.chance(20) ? 200 : 403
    }
    const fails = this.host?.fails === true
    if (fails) status = 503
    if (fails && plan.retryOn503 === 1) serving.attempt.unfit = true
    const bodiless = serving.request.method === 'HEAD' || status === 204 || status === 304
    const minor = chance.chance(plan.http10Percent) ? 0 : 1
    const total = bodiless || chance.chance(20) ? 0 : chance.between(1, plan.responseBytes)
    const framing = bodiless ? 0 : this.framing(minor, total)
    const trailers =
      framing === CHUNKED && chance.chance(plan.trailersPercent) ? `t${chance.below(1000)}` : null
    const response = books.response(serving.request, total, trailers, false)
    response.interims = serving.interims
    response.interimTag = serving.interimTag
    const fields: Fields = [['x-r', String(response.id)]]
    if (fails && chance.chance(plan.retryAfterPercent)) fields.push(['retry-after', String(chance.below(3))])
    if (framing === CHUNKED) fields.push(['transfer-encoding', 'chunked'])
    else if (bodiless ? status !== 204 && chance.chance(50) : framing >= 0)
      fields.push(['content-length', bodiless ? '1234' : String(total)])
    this.last = minor === 0 || framing === UNTIL_CLOSE || chance.chance(plan.closePercent)
    if (this.last && minor === 1) fields.push(['connection', 'close'])
    const keeps = plan.keepAliveToldPercent > 0 && !this.last && chance.chance(plan.keepAliveToldPercent)
    this.keepsMs = keeps ? 1000 * chance.between(1, 3) : 0
    if (keeps) fields.push(['keep-alive', `timeout=${this.keepsMs / 1000}`])
    const truncated = total > 0 && !healed && chance.chance(plan.truncatedPercent)
    const cutAt = truncated ? chance.below(total) : total
    if (framing === UNTIL_CLOSE) this.stage.tally('http/1.1: until the connection ends')
    this.put({ head: headOf(`HTTP/1.${minor} ${status} Told`, fields), message: response, framing, cutAt })
  }

  /** Switches: from now on all bytes belong to the tunnel. */
  private open(serving: Served): void {
    const { chance } = this
    const { plan, books, healed } = this.stage
    const total = chance.chance(20) ? 0 : chance.between(1, plan.responseBytes)
    const other = serving.request.tunnel === 'upgrade'
    const broken = !healed && chance.chance(plan.brokenPercent)
    const response = books.response(serving.request, total, null, broken)
    response.interims = serving.interims
    response.interimTag = serving.interimTag
    const what = other ? 'protocol' : 'sec-websocket-accept'
    this.stage.tally(broken ? `http/1.1: another ${what}` : 'http/1.1: tunnel opened')
    const fields: Fields = [
      ['connection', 'Upgrade'],
      ['x-r', String(response.id)],
    ]
    if (other) fields.push(['upgrade', broken ? 'websocket' : OTHER_PROTOCOL])
    else
      fields.push(
        ['upgrade', 'websocket'],
        ['sec-websocket-accept', acceptOf(broken ? 'another' : serving.key)],
      )
    serving.open = true
    this.last = true
    this.reader.tunnel()
    this.flow = response
    const cutAt = !healed && chance.chance(plan.truncatedPercent) ? chance.below(total + 1) : total
    const lasts = chance.chance(plan.lastingPercent)
    const head = headOf('HTTP/1.1 101 Switching Protocols', fields)
    this.put({ head, message: response, framing: UNTIL_CLOSE, cutAt, lasts })
  }

  /** It reads no more of the request: RST, as soon as all that it has said has come. */
  private resetBehind(response: Response): void {
    if (this.gone) return
    const { near } = this.far
    if (!near.toNear.empty) {
      this.stage.pollset.after(1, () => this.resetBehind(response))
      return
    }
    // The network has lost it.
    response.arrived = !near.toNear.cut && !near.closedHere
    this.rst()
  }

  private framing(minor: number, total: number): number {
    const { plan } = this.stage
    if (this.chance.chance(plan.lengthPercent)) return total
    return minor === 0 || this.chance.chance(plan.untilClosePercent) ? UNTIL_CLOSE : CHUNKED
  }

  protected cut(outgoing: Outgoing): void {
    this.stage.tally('http/1.1: truncated response')
    this.queue.length = 0
    if (this.flow !== null && this.chance.chance(50)) {
      this.fin()
      return
    }
    if (outgoing.framing === UNTIL_CLOSE || this.chance.chance(50)) this.rst()
    else this.fin()
  }

  protected left(outgoing: Outgoing): void {
    const serving = this.serving
    if (serving === null || this.flow !== null || (outgoing.message as Response).request !== serving.request)
      return
    serving.answered = true
    const { plan, pollset, healed } = this.stage
    const { chance } = this
    if (!serving.whole && !healed && plan.earlyResetPercent > 0 && chance.chance(plan.earlyResetPercent)) {
      this.stage.tally('http/1.1: reset behind an early answer')
      this.resetBehind(outgoing.message as Response)
      return
    }
    if (serving.whole) this.serving = null
    if (this.keepsMs > 0 && this.serving === null) {
      const idles = ++this.idles
      pollset.after(this.keepsMs, () => this.idleOver(idles))
    }
    if (healed || this.far.ended) return
    if (chance.chance(plan.excessPercent)) {
      this.stage.tally('http/1.1: said more than asked')
      this.saidMore = true
      this.far.send(Buffer.from('nobody asked for this\r\n\r\n'))
    }
    if (!this.last && !chance.chance(plan.endsPercent)) return
    pollset.after(chance.chance(50) ? 0 : chance.below(30), () => {
      if (this.gone || this.far.ended || (this.stage.healed && !this.last)) return
      this.stage.tally('http/1.1: keep-alive ended')
      if (this.endsWhole) this.rst()
      else this.fin()
    })
  }
}
