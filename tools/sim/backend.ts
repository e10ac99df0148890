// A backend of the simulation: one connection that the proxy has made. It answers promptly, slowly, early or
// not at all, refuses, resets, says GOAWAY, changes its SETTINGS, dies. Its input is compared with the
// clients' output, and each repeated request with the rules of retrying (spec/exchange.md, R1 to R4).

import type { Prng, SimPeerSocket } from '../../src/pollset/index.js'
import { changedRequestCame } from './checks/by-hand.js'
import { resetsAreBounded } from './checks/e17.js'
import { PingCount } from './checks/e26.js'
import { brokeItsConnection, mayComeAgain } from './checks/r.js'
import { bodyBelongs, flowIsWhole, messageIsWhole } from './checks/s2.js'
import { forgery } from './claims.js'
import { CHECK_PATH, type Host } from './endpoints.js'
import { givenUp } from './inside.js'
import { stormOf, tagged } from './interims.js'
import { drawExcess, isPastAll, sendLargeHead } from './large-heads.js'
import { type Attempt, idOf, opensTunnels, Request, type Response } from './ledger.js'
import { Peer, type PeerContext, PeerStream } from './peer.js'
import * as wire from './wire.js'

const REFUSED_STREAM = 7
const ENHANCE_YOUR_CALM = 11
/** octets */
const WIDE = 1_000_000
/** The codes of resets. No promise is made for a stream with such a reset. */
const CODES = [0, 1, 2, 5, 8, 11, 13, 99]

export class BackendStream extends PeerStream {
  readonly request: Request
  readonly attempt: Attempt
  readonly silent: boolean
  readonly early: boolean
  response: Response | null = null
  answering = false
  /** True once it has thought: it only waits for the request's end. */
  due = false
  trailers: string | null = null
  /** Interim responses sent, and how they are tagged. */
  interims = 0
  readonly interimTag: string
  expects = false
  /** RST_STREAM(NO_ERROR) ends its response, whose length is told. */
  endsByReset = false
  /** True for a tunnel that we have agreed to. */
  open = false
  constructor(
    id: number,
    request: Request,
    attempt: Attempt,
    windows: readonly [number, number],
    silent: boolean,
    early: boolean,
  ) {
    super(id, windows[0], windows[1])
    this.request = request
    this.interimTag = request.interimTag
    this.attempt = attempt
    this.silent = silent
    this.early = early
  }
}

export class BackendPeer extends Peer<BackendStream> {
  /** The proxy was told that streams above this are not served. */
  private lastServed = Number.POSITIVE_INFINITY
  private highest = 0
  private resets = 0
  private readonly pings = new PingCount()
  /** The stream whose head goes past all bounds. */
  private breaking: BackendStream | null = null
  private readonly since: number
  private readonly onLeft: (peer: BackendPeer) => void
  private readonly host: Host | null

  /** @param host the host of the connection; null without endpoints */
  constructor(
    stage: PeerContext,
    far: SimPeerSocket,
    chance: Prng,
    onLeft: (peer: BackendPeer) => void,
    host: Host | null = null,
  ) {
    super(stage, far, chance, wire.PREFACE.length)
    this.onLeft = onLeft
    this.host = host
    this.since = stage.pollset.clock
    const { plan, pollset } = stage
    if (stage.healed) this.open()
    else
      this.sendSettings(plan.backendWindow, plan.backendTable, [
        [3, plan.backendStreams],
        [8, plan.backendTunnels],
      ])
    this.flush()
    const sometime = (): number => chance.below(plan.runMs)
    if (chance.chance(plan.pingPercent)) pollset.after(sometime(), () => this.ping())
    if (chance.chance(plan.settingsPercent)) pollset.after(sometime(), () => this.changeSettings())
    if (chance.chance(plan.goawayPercent)) pollset.after(sometime(), () => this.sayGoaway())
    if (chance.chance(plan.diePercent)) pollset.after(sometime(), () => this.die())
  }

  /** The connection has ended at either end, so what was on its way is lost. */
  private get isCut(): boolean {
    return this.gone || this.far.ended || givenUp(this.far.near)
  }

  protected open(): void {
    const { backendTable, backendTunnels } = this.stage.plan
    this.sendSettings(WIDE, backendTable, [
      [3, 100],
      [8, backendTunnels],
    ])
  }

  protected override pingCame(): void {
    const { plan, pollset } = this.stage
    this.pings.came(this.id, pollset.clock, this.out.messages, plan, plan.pingIntervalMs)
  }

  protected override resetCame(): void {
    const ms = this.stage.pollset.clock - this.since
    resetsAreBounded(this.id, ++this.resets, this.faults, ms, this.stage.plan)
  }

  private ping(): void {
    if (this.gone) return
    this.stage.tally('ping')
    this.out.numbers(wire.PING, 0, 0, 3, 4)
    this.flush()
  }

  private changeSettings(): void {
    if (this.gone || this.stage.healed) return
    this.stage.tally('settings changed')
    const { backendWindow, backendTable, backendStreams } = this.stage.plan
    this.sendSettings(this.chance.below(2 * backendWindow + 2), this.chance.below(backendTable + 1), [
      [3, this.chance.below(backendStreams + 1)],
    ])
    this.flush()
    this.stage.pollset.after(this.chance.below(200), () => {
      if (this.gone || this.stage.healed) return
      this.sendSettings(this.windows[1], backendTable, [[3, backendStreams]])
      this.flush()
    })
  }

  private sayGoaway(): void {
    if (this.gone || this.stage.healed) return
    this.stage.tally('goaway')
    const code = this.chance.chance(50) ? 0 : CODES[this.chance.below(CODES.length)]
    this.lastServed = Math.min(this.lastServed, this.chance.below(this.highest + 2))
    for (const stream of this.streams.values()) {
      if (stream.id <= this.lastServed || stream.over) continue
      stream.attempt.refused = true
      stream.attempt.notBegun = this.lastServed > 0
      stream.resetByUs = true
    }
    this.out.numbers(wire.GOAWAY, 0, 0, this.lastServed, code)
    this.flush()
    if (this.chance.chance(30)) this.stage.pollset.after(this.chance.below(300), () => this.die())
    else if (this.chance.chance(20)) this.stage.pollset.after(this.chance.below(100), () => this.sayGoaway())
  }

  private die(): void {
    if (this.gone || this.stage.healed) return
    if (this.chance.chance(50)) {
      this.stage.tally('backend RST')
      this.far.reset()
      this.closed()
    } else {
      this.stage.tally('backend FIN')
      this.far.end()
    }
  }

  override heal(): void {
    super.heal()
    for (const stream of this.streams.values()) {
      if (stream.silent && this.chance.chance(50)) this.answer(stream)
    }
    this.flush()
  }

  // Input

  protected headers(id: number, fields: [string, string][], ended: boolean): void {
    const old = this.streams.get(id)
    if (old !== undefined) {
      if (!ended) this.fail('W1', `a second head on stream ${id}`)
      old.trailers = fields.map(([name, value]) => (name === 'x-trailer' ? value : `?${name}`)).join()
      return
    }
    if (id <= this.highest || (id & 1) === 0) this.fail('W1', `stream ${id} is opened after ${this.highest}`)
    this.highest = id
    const { plan, books, pollset, healed } = this.stage
    const path = fields.find((each) => each[0] === ':path')?.[1] ?? ''
    if (path === CHECK_PATH && this.host !== null) {
      this.answerCheck(id, this.host)
      return
    }
    const request = books.requests[idOf(path)]
    if (request === undefined) this.fail('S2', `a request nobody made: ${path}`)
    const forged = forgery(fields)
    if (forged !== null) this.fail('S2', forged)
    changedRequestCame(request, path, fields)
    if (opensTunnels(request)) this.handshake(request, fields, ended)
    const { chance } = this
    const refusedNow = id > this.lastServed
    const dead = (): boolean => this.far.ended || givenUp(this.far.near)
    // One that was on its way when its connection was given up, or when GOAWAY was, tells nothing.
    if (!dead() && !refusedNow) mayComeAgain(request)
    const attempt: Attempt = { refused: refusedNow, notBegun: refusedNow && this.lastServed > 0, dead }
    request.attempts.push(attempt)
    const silent = !healed && chance.chance(plan.silentPercent)
    const stream = new BackendStream(
      id,
      request,
      attempt,
      this.windows,
      silent,
      chance.chance(plan.earlyPercent),
    )
    this.streams.set(id, stream)
    if (refusedNow) {
      stream.resetByUs = true
      return
    }
    stream.stuck = !healed && chance.chance(plan.stuckPercent)
    if (healed) {
      pollset.after(0, () => this.answer(stream))
      return
    }
    if (silent) this.stage.tally('silent')
    else if (chance.chance(plan.refusedPercent)) {
      // A refusal may come late, when much of the body is here already.
      const delay = chance.chance(50) ? 0 : chance.below(plan.thinkMs + 20)
      pollset.after(delay, () => this.refuse(stream))
    } else pollset.after(chance.below(plan.thinkMs + 1), () => this.answer(stream))
    if (chance.chance(plan.rstPercent)) {
      pollset.after(chance.below(plan.thinkMs + 50), () => this.rstSometime(stream))
    }
    if (plan.goawayBehindPercent > 0 && chance.chance(plan.goawayBehindPercent))
      pollset.after(chance.below(plan.thinkMs + 5), () => this.sayGoaway())
    stream.expects = fields.some((each) => each[0] === 'expect')
    if (plan.interimStormPercent > 0 && chance.chance(plan.interimStormPercent))
      pollset.after(chance.below(plan.thinkMs + 1), () => this.storm(stream))
    if (chance.chance(plan.interimPercent)) {
      pollset.after(chance.below(plan.thinkMs + 1), () =>
        this.interim(stream, chance.chance(50) ? '103' : '100'),
      )
    }
    if (!silent && stream.expects && chance.chance(plan.continuePercent))
      pollset.after(chance.below(plan.thinkMs + 1), () => this.interim(stream, '100'))
  }

  /** An active check. */
  private answerCheck(id: number, host: Host): void {
    const request = new Request(-1, 'GET', 0, null, false, null)
    request.ended = true
    const stream = new BackendStream(
      id,
      request,
      { refused: false, dead: () => true },
      this.windows,
      false,
      false,
    )
    this.streams.set(id, stream)
    stream.resetByUs = id > this.lastServed
    if (stream.resetByUs) return
    this.out.headers(id, wire.END_STREAM, [[':status', host.fails ? '503' : '200']])
    stream.localEnded = true
  }

  private handshake(request: Request, fields: [string, string][], ended: boolean): void {
    const field = (name: string): string | undefined => fields.find((each) => each[0] === name)?.[1]
    if (field(':method') !== 'CONNECT' || field(':protocol') !== 'websocket' || ended)
      this.fail('W1', `request ${request.id} without its handshake: ${JSON.stringify(fields)}`)
    if (this.stage.plan.backendTunnels !== 1) this.fail('W1', 'extended CONNECT where it is not served')
  }

  private refuse(stream: BackendStream): void {
    if (this.gone || stream.over || stream.answering || this.stage.healed) {
      this.answer(stream)
      return
    }
    this.stage.tally('refused stream')
    stream.attempt.refused = true
    this.reset(stream, REFUSED_STREAM)
    this.flush()
  }

  private rstSometime(stream: BackendStream): void {
    if (this.gone || stream.over || this.stage.healed) return
    this.stage.tally('reset by the backend')
    const code = CODES[this.chance.below(CODES.length)]
    stream.attempt.calmed = code === ENHANCE_YOUR_CALM && !stream.answering
    this.reset(stream, code)
    this.flush()
  }

  private interim(stream: BackendStream, status: string): void {
    if (this.gone || stream.over || stream.localEnded || stream.answering) return
    this.stage.tally('interim')
    this.out.headers(stream.id, 0, [
      [':status', status],
      ['x-i', tagged(stream, Number(status))],
      ['content-length', '1234'],
    ])
    this.flush()
  }

  private storm(stream: BackendStream): void {
    if (this.gone || stream.over || stream.localEnded || stream.answering) return
    this.stage.tally('interim storm')
    for (let left = stormOf(stream); left > 0; left--) this.interim(stream, '103')
  }

  /** Answers, when the request is complete or the answer is an early one. */
  private answer(stream: BackendStream): void {
    if (this.gone || stream.over || stream.answering) return
    const { chance } = this
    const { plan, books, healed } = this.stage
    const { request } = stream
    const tunnel = opensTunnels(request)
    if (tunnel && this.host?.fails !== true && (healed || !chance.chance(plan.declinePercent))) {
      this.openTunnel(stream)
      return
    }
    if (!stream.remoteEnded && !stream.early && !tunnel) {
      stream.due = true
      return
    }
    stream.answering = true
    if (!healed && plan.largeHeadPercent > 0 && chance.chance(plan.largeHeadPercent)) {
      this.largeHead(stream)
      return
    }
    if (tunnel) this.stage.tally('tunnel declined')
    else if (!stream.remoteEnded) this.stage.tally('early response')
    const ordinary = chance.chance(4) ? 204 : chance.chance(4) ? 304 : chance.chance(5) ? 500 : 200
    const fails = this.host?.fails === true
    const status = fails ? 503 : tunnel ? 403 : ordinary
    if (status === 503) stream.attempt.unfit = plan.retryOn503 === 1
    const bodiless = request.method === 'HEAD' || status === 204 || status === 304
    const total = bodiless || chance.chance(20) ? 0 : chance.between(1, this.bodyMax(plan.responseBytes))
    const trailers = !bodiless && chance.chance(plan.trailersPercent) ? `t${chance.below(1000)}` : null
    const broken = !bodiless && chance.chance(plan.brokenPercent)
    const response = books.response(request, total, trailers, broken)
    stream.response = response
    response.cutOff = () => this.isCut
    response.interims = stream.interims
    response.interimTag = stream.interimTag
    const fields: [string, string][] = [
      [':status', String(status)],
      ['x-r', String(response.id)],
    ]
    if (fails && chance.chance(plan.retryAfterPercent)) fields.push(['retry-after', String(chance.below(3))])
    if (broken) {
      this.stage.tally('broken response')
      this.faults++
      response.promised = chance.chance(50) || total === 0 ? total + 1 : total - 1
      fields.push(['content-length', String(response.promised)])
    } else if (bodiless && chance.chance(50)) fields.push(['content-length', '1234'])
    else if (!bodiless && chance.chance(plan.lengthPercent)) {
      fields.push(['content-length', String(total)])
      response.promised = total
      stream.endsByReset =
        plan.endsByResetPercent > 0 && trailers === null && chance.chance(plan.endsByResetPercent)
    }
    const bare = total === 0 && trailers === null && !stream.endsByReset && chance.chance(70)
    if (bare) this.endLocal(stream, response)
    const split = chance.chance(plan.partialPercent) ? chance.between(1, 20) : 0
    this.out.headers(stream.id, bare ? wire.END_STREAM : 0, fields, split)
    if (!bare) this.send(stream, response)
    this.flush()
  }

  /** The proxy resets it, or ends the connection. */
  private largeHead(stream: BackendStream): void {
    const excess = drawExcess(this.chance)
    this.stage.tally(`a head too large: ${excess}`)
    this.faults++
    if (isPastAll(excess)) this.breaking ??= stream
    sendLargeHead(this.out, stream.id, 0, [[':status', '200']], excess, this.chance)
    this.flush()
  }

  protected override goawayCame(code: number): void {
    if (code === ENHANCE_YOUR_CALM && this.breaking !== null && !this.breaking.over)
      brokeItsConnection(this.breaking.request, this.breaking.attempt)
  }

  private openTunnel(stream: BackendStream): void {
    const { chance } = this
    const { plan, books } = this.stage
    this.stage.tally('tunnel opened')
    stream.answering = true
    stream.open = true
    stream.lasts = chance.chance(plan.lastingPercent)
    const total = chance.chance(20) ? 0 : chance.between(1, this.bodyMax(plan.responseBytes))
    const response = books.response(stream.request, total, null, false)
    stream.response = response
    response.cutOff = () => this.isCut
    response.interims = stream.interims
    response.interimTag = stream.interimTag
    this.out.headers(stream.id, 0, [
      [':status', '200'],
      ['x-r', String(response.id)],
    ])
    this.send(stream, response)
    this.flush()
  }

  protected override endedByReset(stream: BackendStream): boolean {
    if (!stream.endsByReset) return false
    this.stage.tally('a full response ended by reset')
    return true
  }

  protected body(stream: BackendStream, b: Buffer, from: number, to: number): void {
    if (opensTunnels(stream.request) && !stream.open)
      this.fail('S2', `octets of tunnel ${stream.id} before it is open`)
    bodyBelongs(stream, stream.request, b, from, to)
  }

  protected complete(stream: BackendStream): void {
    if (stream.request.tunnel === 'upgrade') {
      if (stream.received > 0) this.fail('S2', `octets of tunnel ${stream.id}, which nobody opened`)
      return
    }
    if (opensTunnels(stream.request)) {
      if (!stream.open) this.fail('S2', `tunnel ${stream.id} ends before it is open`)
      flowIsWhole(stream, stream.request)
      return
    }
    messageIsWhole(stream, stream.request)
    if (!stream.silent && stream.due) this.answer(stream)
  }

  protected lost(_stream: BackendStream): void {}
  protected parted(): void {
    this.onLeft(this)
  }
}
