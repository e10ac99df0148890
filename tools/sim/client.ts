// A client of the simulation: one connection with its requests, each with its own method, body, trailers and
// patience. It may cancel at any moment, read slowly, go away politely, rudely or in the middle of a frame.
// Everything that it receives is checked against what the backends sent.

import type { Prng, SimPeerSocket } from '../../src/pollset/index.js'
import { answeredByHand, changedResponseCame } from './checks/by-hand.js'
import { cutOff } from './checks/closing.js'
import { attemptsAreSpent } from './checks/r.js'
import { bodyBelongs, flowIsWhole, interimsCame, messageIsWhole } from './checks/s2.js'
import { forgedField, forgedScheme } from './claims.js'
import { drawExcess, isPastAll, sendLargeHead } from './large-heads.js'
import type { Request, Response, TunnelKind } from './ledger.js'
import { Peer, type PeerContext, PeerStream } from './peer.js'
import { methodOf } from './plan.js'
import { wrongResponse } from './response-fields.js'
import * as wire from './wire.js'

const BODILESS = new Set(['GET', 'HEAD'])
const CANCEL = 8
/** bytes */
const WIDE = 1_000_000

export class ClientStream extends PeerStream {
  readonly request: Request
  /** The backend's response once its head has arrived. Also null if the proxy itself answers. */
  response: Response | null = null
  status = 0
  /** The content-length of an answer by the proxy itself; -1 if unknown. */
  promised = -1
  trailers: string | null = null
  /** The tags of the interim responses received. */
  readonly interims: string[] = []
  /** True if the body waits for 100 (Continue), or for the tunnel to open. */
  awaits = false
  /** True if this is an open tunnel. */
  open = false
  constructor(id: number, request: Request, sendWindow: number, recvWindow: number) {
    super(id, sendWindow, recvWindow)
    this.request = request
  }
}

export class Client extends Peer<ClientStream> {
  /** The number of requests still to be made. */
  left: number
  private nextId = 1
  private leaving = false

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng) {
    super(stage, far, chance, 0)
    const { plan, pollset } = stage
    this.left = plan.requests
    this.out.raw(wire.PREFACE)
    this.sendSettings(plan.clientWindow, plan.clientTable, [])
    this.flush()
    for (let i = 0; i < plan.requests; i++) {
      pollset.after(chance.below(plan.spreadMs + 1), () => this.begin(this.chance.fork()))
    }
    const sometime = (): number => chance.below(plan.runMs)
    if (chance.chance(plan.pingPercent)) pollset.after(sometime(), () => this.ping())
    if (chance.chance(plan.settingsPercent)) pollset.after(sometime(), () => this.changeSettings())
    if (chance.chance(plan.leavePercent)) pollset.after(sometime(), () => this.leave())
  }

  /** True once all requests are over, or will never be made. */
  get finished(): boolean {
    if (this.gone) return true
    if (this.left > 0 && !this.leaving && !this.told) return false
    for (const stream of this.streams.values()) if (!stream.over) return false
    return true
  }

  private begin(chance: Prng): void {
    this.left--
    if (this.gone || this.told || this.leaving || this.stage.healed) return
    const { plan, books, pollset } = this.stage
    if (chance.chance(plan.tunnelPercent)) {
      this.beginTunnel(chance)
      return
    }
    const upload = chance.chance(plan.uploadPercent)
    const method = methodOf(upload, chance, plan)
    const total =
      BODILESS.has(method) || chance.chance(10) ? 0 : chance.between(1, this.bodyMax(plan.uploadBytes))
    const trailers = upload && chance.chance(plan.trailersPercent) ? `t${chance.below(1000)}` : null
    const broken = upload && chance.chance(plan.brokenPercent)
    const request = books.request(method, total, trailers, broken)
    const stream = this.newStream(request, chance)
    const fields: [string, string][] = [
      [':method', method],
      [':scheme', 'http'],
      [':authority', 'sim'],
      [':path', `/${request.id}`],
    ]
    if (broken) {
      this.stage.tally('broken request')
      this.faults++
      fields.push(['content-length', String(chance.chance(50) ? total + 1 : Math.max(0, total - 1))])
      // The length is wrong by one byte. For an empty body it must be 1, since 0 would be right.
      if (total === 0) fields[fields.length - 1][1] = '1'
    } else if (upload && chance.chance(plan.lengthPercent)) fields.push(['content-length', String(total)])
    if (chance.chance(plan.fieldsPercent)) this.moreFields(fields, chance)
    const bare = total === 0 && trailers === null && chance.chance(50)
    if (bare) this.endLocal(stream, request)
    stream.awaits = upload && !bare && chance.chance(plan.expectPercent)
    if (stream.awaits) {
      this.stage.tally('expects 100-continue')
      fields.push(['expect', '100-continue'])
      pollset.after(plan.expectWaitMs, () => {
        this.goOn(stream)
        this.flush()
      })
    }
    const split = chance.chance(plan.partialPercent) ? chance.between(1, 40) : 0
    if (plan.largeHeadPercent > 0 && chance.chance(plan.largeHeadPercent))
      this.largeHead(stream, bare, fields, chance)
    else this.out.headers(stream.id, bare ? wire.END_STREAM : 0, fields, split)
    if (!bare && !stream.awaits) this.send(stream, request)
    this.cancelSometime(stream, chance)
    this.flush()
  }

  /** Sends a head that is over a bound. */
  private largeHead(stream: ClientStream, bare: boolean, fields: wire.Fields, chance: Prng): void {
    const excess = drawExcess(chance)
    this.stage.tally(`a head too large: ${excess}`)
    this.faults++
    if (!isPastAll(excess)) stream.request.tooLarge = true
    sendLargeHead(this.out, stream.id, bare ? wire.END_STREAM : 0, fields, excess, chance)
  }

  private newStream(request: Request, chance: Prng): ClientStream {
    const id = this.nextId
    this.nextId += 2
    const [sendWindow, recvWindow] = this.windows
    const stream = new ClientStream(id, request, sendWindow, recvWindow)
    stream.stuck = chance.chance(this.stage.plan.stuckPercent)
    this.streams.set(id, stream)
    return stream
  }

  /** Asks for a WebSocket by extended CONNECT, if the proxy serves that, or sends a plain CONNECT. */
  private beginTunnel(chance: Prng): void {
    const { plan, books } = this.stage
    const kind: TunnelKind =
      !this.connectProtocol || chance.chance(plan.connectPercent) ? 'connect' : 'websocket'
    this.stage.tally(kind)
    const total = chance.chance(10) ? 0 : chance.between(1, this.bodyMax(plan.uploadBytes))
    const request = books.tunnel(kind, total)
    const stream = this.newStream(request, chance)
    stream.lasts = chance.chance(plan.lastingPercent)
    stream.awaits = !chance.chance(plan.earlyOctetsPercent)
    this.out.headers(
      stream.id,
      0,
      kind === 'connect'
        ? [
            [':method', 'CONNECT'],
            [':authority', this.stage.target(request)],
          ]
        : [
            [':method', 'CONNECT'],
            [':protocol', 'websocket'],
            [':scheme', 'http'],
            [':authority', 'sim'],
            [':path', `/${request.id}`],
            ['sec-websocket-version', '13'],
          ],
    )
    if (!stream.awaits) {
      this.stage.tally('octets before the tunnel is open')
      this.send(stream, request)
    }
    this.cancelSometime(stream, chance)
    this.flush()
  }

  /** Sends the body that waited for the backend's consent. */
  private goOn(stream: ClientStream): void {
    if (!stream.awaits) return
    stream.awaits = false
    this.send(stream, stream.request)
  }

  override heal(): void {
    for (const stream of this.streams.values()) if (stream.request.tunnel === null) this.goOn(stream)
    super.heal()
  }

  private cancelSometime(stream: ClientStream, chance: Prng): void {
    const { plan, pollset } = this.stage
    if (chance.chance(plan.cancelPercent)) {
      pollset.after(chance.below(plan.cancelWithinMs + 1), () => {
        if (this.gone || this.stage.healed || stream.over) return
        this.stage.tally('cancelled by the client')
        this.reset(stream, CANCEL)
        this.flush()
      })
    }
  }

  private moreFields(fields: [string, string][], chance: Prng): void {
    for (let more = chance.between(1, 6); more > 0; more--) {
      const name = ['cookie', 'x-a', 'accept', 'authorization', 'user-agent'][chance.below(5)]
      fields.push([name, `${chance.below(4)}`.repeat(chance.between(1, 120))])
    }
    const { plan } = this.stage
    if (plan.forgedPercent === 0 || !chance.chance(plan.forgedPercent)) return
    fields.push(forgedField(chance))
    fields[1][1] = forgedScheme(chance)
  }

  protected open(): void {
    this.sendSettings(WIDE, this.stage.plan.clientTable, [])
  }

  private ping(): void {
    if (this.gone) return
    this.stage.tally('ping')
    this.out.numbers(wire.PING, 0, 0, 1, 2)
    this.flush()
  }

  private changeSettings(): void {
    if (this.gone || this.stage.healed) return
    this.stage.tally('settings changed')
    const { clientWindow, clientTable } = this.stage.plan
    this.sendSettings(this.chance.below(2 * clientWindow + 2), this.chance.below(clientTable + 1), [])
    this.flush()
  }

  private leave(): void {
    if (this.gone || this.leaving || this.stage.healed) return
    this.leaving = true
    const way = this.chance.below(4)
    this.stage.tally(['client FIN', 'client RST', 'client left in mid-frame', 'client GOAWAY'][way])
    if (way === 2) {
      // A frame that is cut anywhere.
      this.out.headers(this.nextId, wire.END_STREAM, [[':method', 'GET']])
      const bytes = this.out.take()
      this.far.send(bytes.subarray(0, this.chance.between(1, bytes.length - 1)))
    }
    if (way === 3) {
      this.out.numbers(wire.GOAWAY, 0, 0, 0, 0)
      this.flush()
    } else if (way === 0 || (way === 2 && this.chance.chance(50))) this.far.end()
    else {
      this.far.reset()
      this.closed()
    }
  }

  /** Leaves at the end of the run: makes no more requests and sends FIN. */
  part(): void {
    if (this.gone) return
    this.leaving = true
    this.far.end()
  }

  // Input

  protected headers(id: number, fields: [string, string][], ended: boolean): void {
    const stream = this.streams.get(id)
    if (stream === undefined) this.fail('W1', `HEADERS on stream ${id}, which nobody opened`)
    if (stream.status >= 200) {
      if (stream.open) this.fail('W1', `HEADERS in tunnel ${stream.id}`)
      if (!ended) this.fail('W1', `a second head on stream ${id}`)
      stream.trailers = fields.map(([name, value]) => (name === 'x-trailer' ? value : `?${name}`)).join()
      return
    }
    stream.status = Number(fields[0]?.[0] === ':status' ? fields[0][1] : Number.NaN)
    const wrong = wrongResponse(stream.status, fields)
    if (wrong !== null) this.fail('W1', wrong)
    if (!(stream.status >= 100)) this.fail('W1', `a head without :status on stream ${id}`)
    const field = (name: string): string | undefined => fields.find((each) => each[0] === name)?.[1]
    const tag = field('x-r')
    if (stream.status < 200) {
      if (ended) this.fail('W1', `an interim response ends stream ${id}`)
      this.interim(stream, field('x-i') ?? '')
      return
    }
    const tunnel = stream.request.tunnel !== null && stream.status < 300
    if (tunnel) {
      this.opened(stream, tag)
      return
    }
    const ours = field('x-fermata') !== undefined || answeredByHand(stream.request, stream.status)
    if (tag === undefined && !ours && stream.status !== 431) {
      this.fail('S2', `a response on stream ${id} that no backend sent: ${JSON.stringify(fields)}`)
    }
    if (field('x-fermata') === 'retries-spent') attemptsAreSpent(stream.request, this.stage.plan)
    if (stream.status === 431 && !stream.request.tooLarge)
      this.fail('E17', `request ${stream.request.id} got 431`)
    const response = tag === undefined ? null : this.stage.books.responses[Number(tag)]
    if (response !== null && response.request !== stream.request) {
      this.fail(
        'S2',
        `stream ${id} of request ${stream.request.id} got the response to ${response.request.id}`,
      )
    }
    stream.response = response
    if (response !== null) changedResponseCame(response, fields)
    if (response !== null) interimsCame(stream.request.id, stream.interims, response)
    if (response === null) stream.promised = Number(field('content-length') ?? -1)
  }

  private interim(stream: ClientStream, tag: string): void {
    const { request } = stream
    // A filter that collects the body has asked for it.
    const isOurs = this.stage.plan.filters === 1 && tag === '' && stream.status === 100
    if (!isOurs && !tag.startsWith(`${request.id}.`))
      this.fail('S2', `request ${request.id} got the interim response ${tag}`)
    stream.interims.push(tag)
    if (stream.status === 100 && request.tunnel === null) this.goOn(stream)
  }

  private opened(stream: ClientStream, tag: string | undefined): void {
    const { request } = stream
    const response =
      tag === undefined ? (request.responses.at(-1) ?? null) : this.stage.books.responses[Number(tag)]
    if (response?.request !== request || response.broken)
      this.fail('S2', `tunnel ${stream.id} is open, and nobody opened it`)
    if (request.tunnel === 'websocket') interimsCame(request.id, stream.interims, response)
    this.stage.tally(`${request.tunnel} open`)
    stream.response = response
    stream.open = true
    request.opened = true
    this.goOn(stream)
  }

  protected body(stream: ClientStream, b: Buffer, from: number, to: number): void {
    const { response } = stream
    if (stream.status < 200) this.fail('W1', `DATA before the head on stream ${stream.id}`)
    if (response !== null) bodyBelongs(stream, response, b, from, to)
  }

  protected complete(stream: ClientStream): void {
    const { response, request } = stream
    if (stream.open && response !== null) {
      flowIsWhole(stream, response)
      return
    }
    if (response === null) {
      if (request.method !== 'HEAD' && stream.promised >= 0 && stream.promised !== stream.received) {
        this.fail(
          'S2',
          `an answer of ${stream.received} octets on stream ${stream.id}, ${stream.promised} promised`,
        )
      }
      return
    }
    messageIsWhole(stream, response)
  }

  protected lost(stream: ClientStream): void {
    if (stream.request.tooLarge && stream.resetByProxy && stream.status === 0 && this.resetCode === 1)
      this.fail('S2', `request ${stream.request.id} is too large, and is not told so`)
    if (!stream.remoteEnded && !stream.resetByUs && !this.leaving && !this.far.near.brokenUp)
      cutOff(stream.request, this.stage.plan)
  }
  protected parted(): void {}
}
