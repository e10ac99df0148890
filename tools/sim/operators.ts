// The operators of a run (plan: operators): an admin listener of the server, and clients of it, whose questions
// suspend. Bodies come in pieces, slowly, or never whole; answers are made at once, later, too late or never,
// and some are large; operators stop reading, and leave at any time.

import { Admin, type AdminRoute, AdminRoutes, json } from '../../src/admin/index.js'
import type { HttpWorld } from '../../src/http/index.js'
import type { Prng, SimPeerSocket, SimPeerSocketOwner } from '../../src/pollset/index.js'
import type { Limits } from '../../src/server/index.js'
import type { Protocols } from '../../src/server/protocols.js'
import { Listening } from '../../src/transport/index.js'
import { Violation } from './ledger.js'
import type { PeerContext } from './peer.js'

const ADMIN = { host: '192.0.2.1', port: 99 }
const QUESTIONS_MAX = 8
/** ms: the difference of two readings of the clock may come out a little less than it is */
const ROUNDING_MS = 1e-6
/** The characters of a large answer. */
const LARGE = 100_000
const PIECES_MAX = 4

/** A question, and the answer that it must get. */
interface Asked {
  readonly number: number
  readonly kind: Kind
  readonly at: number
  /** When its body had been sent whole; NaN if it was not. */
  sentAt: number
  /** When its answer was made; NaN if it was not. */
  madeAt: number
  /** The streams that had been reset for want of memory before it. */
  readonly stalls: number
}

const KINDS = ['list', 'note', 'broken', 'unfinished', 'later', 'never', 'large'] as const
type Kind = (typeof KINDS)[number]

/** The statuses that a question may be answered with, if nothing is late. */
const STATUS: Readonly<Record<Kind, number>> = {
  list: 200,
  note: 200,
  broken: 400,
  unfinished: 408,
  later: 200,
  never: 504,
  large: 200,
}

/** Questions with a body. */
const BODIED: ReadonlySet<Kind> = new Set(['note', 'broken', 'unfinished'])

export interface OperatorsContext extends PeerContext {
  readonly world: HttpWorld
  readonly limits: Limits
}

export class Operators {
  readonly stage: OperatorsContext
  /** All questions of the run, by their number. */
  readonly asked: Asked[] = []
  readonly clients: Operator[] = []
  private readonly listening: Listening

  constructor(stage: OperatorsContext, protocols: Protocols, chance: Prng) {
    this.stage = stage
    const { limits, world, plan, pollset } = stage
    const routes = new AdminRoutes(this.routes(chance.fork()))
    const options = { hosts: ['admin'], token: null, isSame: (a: string, b: string) => a === b }
    const admin = new Admin(world, limits.admin, options, routes, () => undefined)
    this.listening = new Listening(world, ADMIN, {
      accepted: (socket) =>
        void protocols.serve(socket, 'http/1.1', admin, { from: socket.remote, to: socket.local }),
    })
    const count = chance.between(1, 3)
    for (let at = 0; at < count; at++) {
      const own = chance.fork()
      pollset.after(1 + own.below(plan.runMs), () => {
        const far = pollset.dial(ADMIN, { host: `198.51.100.${100 + at}`, port: 40_000 })
        if (far !== null) this.clients.push(new Operator(this, far, own))
      })
    }
  }

  private routes(chance: Prng): AdminRoute[] {
    const { pollset } = this.stage
    const route = (method: string, path: string, answers: AdminRoute['answers']): AdminRoute => ({
      method,
      path,
      about: '',
      open: true,
      answers,
    })
    const asked = (parts: Readonly<Record<string, string>>): Asked => this.asked[Number(parts['number'])]
    return [
      route('GET', '/list/{number}', ({ parts }, done) => {
        asked(parts).madeAt = pollset.now
        const ids = [...this.stage.world.scheduler.alive()].map(({ id }) => id)
        done(json({ number: Number(parts['number']), ids }))
      }),
      route('POST', '/note/{number}', ({ parts, body }, done) => {
        asked(parts).madeAt = pollset.now
        done(json(body))
      }),
      route('GET', '/later/{number}', ({ parts }, done) => {
        const ms = chance.below(2 * this.stage.limits.admin.answerMs)
        this.inTurn(ms, () => {
          asked(parts).madeAt = pollset.now
          done(json({ number: Number(parts['number']) }))
        })
      }),
      route('GET', '/never/{number}', () => undefined),
      route('GET', '/large/{number}', ({ parts }, done) => {
        asked(parts).madeAt = pollset.now
        done(json({ number: Number(parts['number']), text: 'x'.repeat(LARGE) }))
      }),
    ]
  }

  private inTurn(ms: number, act: () => void): void {
    const { pollset } = this.stage
    pollset.after(ms, () => pollset.queue({ wake() {}, resume: act }))
  }

  /** True if no operator waits for an answer. */
  get still(): boolean {
    return this.clients.every((each) => each.gone || each.waits === null)
  }

  heal(): void {
    for (const each of this.clients) each.heal()
  }

  close(): void {
    this.listening.cancel()
    for (const each of this.clients) each.leave()
  }
}

/** A client of the admin listener: it asks one question after the other. */
export class Operator implements SimPeerSocketOwner {
  gone = false
  /** The question that it waits for the answer of. */
  waits: Asked | null = null
  private readonly all: Operators
  private readonly far: SimPeerSocket
  private readonly chance: Prng
  private came = ''
  private left: number
  private hasLeft = false

  constructor(all: Operators, far: SimPeerSocket, chance: Prng) {
    this.all = all
    this.far = far
    this.chance = chance
    this.left = chance.between(1, QUESTIONS_MAX)
    far.owner = this
    this.ask()
  }

  private ask(): void {
    const { all, chance } = this
    const { stage } = all
    if (this.gone || this.hasLeft) return
    if (this.left-- === 0 || stage.healed) {
      this.leave()
      return
    }
    const kind = KINDS[chance.below(KINDS.length)] as Kind
    const number = all.asked.length
    const now = stage.pollset.clock
    const { stalls } = stage.world.memory
    const asked: Asked = { number, kind, at: now, sentAt: Number.NaN, madeAt: Number.NaN, stalls }
    all.asked.push(asked)
    this.waits = asked
    stage.tally(`operator asks: ${kind}`)
    if (chance.chance(stage.plan.stuckPercent)) this.readLater()
    const body = kind === 'broken' ? '{"number":' : JSON.stringify({ number })
    const posts = BODIED.has(kind)
    const path = posts ? 'note' : kind
    const length = body.length + (kind === 'unfinished' ? 1 : 0)
    const head = [
      `${posts ? 'POST' : 'GET'} /${path}/${number} HTTP/1.1`,
      'host: admin',
      ...(posts ? ['content-type: application/json', `content-length: ${length}`] : []),
    ]
    this.send(asked, `${head.join('\r\n')}\r\n\r\n${posts ? body : ''}`, chance.between(1, PIECES_MAX))
    if (chance.chance(stage.plan.leavePercent))
      stage.pollset.after(chance.below(stage.limits.admin.answerMs), () => this.leave())
  }

  /** Sends a question in pieces, with pauses. */
  private send(asked: Asked, text: string, pieces: number): void {
    const { stage } = this.all
    if (this.gone || this.hasLeft) return
    const length = pieces === 1 ? text.length : Math.ceil(text.length / pieces)
    this.far.send(Buffer.from(text.slice(0, length)))
    const rest = text.slice(length)
    if (rest === '') asked.sentAt = stage.pollset.clock
    else
      stage.pollset.after(this.chance.below(stage.limits.admin.bodyMs / PIECES_MAX), () =>
        this.send(asked, rest, pieces - 1),
      )
  }

  private readLater(): void {
    this.far.read(false)
    this.all.stage.pollset.after(this.chance.below(this.all.stage.plan.runMs), () => {
      if (!this.gone) this.far.read(true)
    })
  }

  heal(): void {
    // Nothing more comes on a connection that has vanished.
    if (this.far.near.vanished) this.closed()
    if (!this.gone) this.far.read(true)
  }

  leave(): void {
    if (this.gone || this.hasLeft) return
    this.hasLeft = true
    this.waits = null
    if (this.chance.chance(50)) this.far.end()
    else {
      this.far.reset()
      this.gone = true
    }
  }

  // Received data

  received(bytes: Uint8Array): void {
    const { stage } = this.all
    stage.octets?.(bytes)
    if (this.gone || this.hasLeft) return
    this.came += Buffer.from(bytes).toString('latin1')
    for (;;) {
      const end = this.came.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.came.slice(0, end)
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
      if (!(length >= 0)) this.fail(`an answer without a length: ${head}`)
      if (this.came.length < end + 4 + length) return
      const body = this.came.slice(end + 4, end + 4 + length)
      this.came = this.came.slice(end + 4 + length)
      this.answered(Number(head.slice(9, 12)), body, /\r\nconnection: close/i.test(head))
    }
  }

  private answered(status: number, body: string, closes: boolean): void {
    const { waits: asked, all } = this
    const { clock } = all.stage.pollset
    if (asked === null) this.fail(`an answer that nobody waits for: ${status} ${body}`)
    this.waits = null
    this.judge(asked, status, body)
    if (closes) this.leave()
    else all.stage.pollset.after(this.chance.below(50), () => this.ask())
    all.stage.tally(`operator got ${status} after ${clock > asked.at ? 'a while' : 'no time'}`)
  }

  /** The answer is that of this question, and only what was late is called late. */
  private judge({ kind, number, madeAt, at, stalls }: Asked, status: number, body: string): void {
    const { admin, http1 } = this.all.stage.limits
    const { clock } = this.all.stage.pollset
    if (status === 408) {
      // A head that the network holds up is late by the clock of its connection.
      const least = Math.min(admin.bodyMs, http1.headMs)
      if (clock - at + ROUNDING_MS < least)
        this.fail(`question ${number} is called late ${clock - at} ms after it`)
      return
    }
    if (status === 504 && (kind === 'later' || kind === 'never')) {
      if (madeAt - at + ROUNDING_MS < admin.answerMs)
        this.fail(`question ${number} got 504, and its answer was made in time`)
      return
    }
    // Where memory runs short, a body that comes slowly is given up, as others are.
    if (status === 503 && BODIED.has(kind) && this.all.stage.world.memory.stalls > stalls) return
    if (status !== STATUS[kind]) this.fail(`question ${number}, ${kind}, is answered with ${status}: ${body}`)
    if (status === 200 && (JSON.parse(body) as { number: number }).number !== number)
      this.fail(`question ${number} has the answer ${body.slice(0, 80)}`)
  }

  private fail(message: string): never {
    throw new Violation('Z2', `${this.far.near.id}: ${message}`)
  }

  ended(): void {
    if (this.gone) return
    this.far.end()
    this.closed()
  }

  closed(): void {
    this.gone = true
    this.waits = null
  }
}
