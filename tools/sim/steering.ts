// The hand steers an exchange that it holds: it sends it to another step, changes its request, its response
// or its backend, answers it, makes it late, or cancels it. The ledger records the changes, so that actors
// know what to expect.

import type { Scheduler } from '../../src/continuation/index.js'
import type { Prng } from '../../src/pollset/index.js'
import { changes } from '../../src/proxy/changes.js'
import type { Exchange } from '../../src/proxy/index.js'
import { HAND_FIELD, type Request, requestOf, Violation } from './ledger.js'
import type { PeerContext } from './peer.js'

const STATUSES = [200, 204, 304, 403, 503]
const TEXT = 'by hand\n'
/** Changes that would give a message two meanings. All of them must be refused. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['content-length', '7'],
  ['transfer-encoding', 'chunked'],
  ['connection', 'close'],
  ['host', 'other'],
  [':path', '/0'],
  ['x-hand', 'a\r\ncontent-length: 7'],
  ['path', '/0 HTTP/1.1\r\n'],
]

export class Steering {
  /** Those that it has made late: they may end before their time. */
  readonly late = new WeakSet<object>()
  readonly lateIds = new Set<string>()
  private readonly stage: PeerContext
  private readonly scheduler: Scheduler
  private readonly chance: Prng

  constructor(stage: PeerContext, scheduler: Scheduler, chance: Prng) {
    this.stage = stage
    this.scheduler = scheduler
    this.chance = chance
  }

  /** Does one thing to a held exchange, if that is allowed where it is. */
  steer(x: Exchange): void {
    const request = requestOf(this.stage.books, x.request)
    if (request === undefined) return
    const done = this.something(x, request)
    if (done !== '') this.stage.tally(`by hand: ${done}`)
  }

  private something(x: Exchange, request: Request): string {
    switch (this.chance.below(8)) {
      case 0:
        if (this.scheduler.makeLate(x) !== null) return ''
        this.noteLate(x)
        return 'made late'
      case 1:
        x.cancel()
        return 'cancelled'
      case 2:
        return this.answer(x, request)
      case 3:
        return this.changeRequest(x, request)
      case 4:
        return this.changeResponse(x)
      case 5:
        return this.changeBackend(x)
      default:
        return this.redirect(x, request)
    }
  }

  private noteLate(x: Exchange): void {
    this.late.add(x)
    this.lateIds.add(x.id)
  }

  /** Sends it along an edge of the step that it comes from, whichever. */
  private redirect(x: Exchange, request: Request): string {
    const { hold, program } = x
    if (hold === null) return ''
    const from = hold.wait === null ? hold.from : x.step
    const edges = from < 0 ? program.names : program.edges[program.names[from]]
    const to = edges[this.chance.below(edges.length)]
    if (this.scheduler.redirect(x, to) !== null) return ''
    if (to === 'retry') request.byHand.retries++
    else if (to === 'leaseLate') this.noteLate(x)
    return `sent to ${to}`
  }

  private answer(x: Exchange, request: Request): string {
    const status = STATUSES[this.chance.below(STATUSES.length)]
    const text = status === 204 || status === 304 || this.chance.chance(20) ? '' : TEXT
    if (changes.setAnswer(x, status, text) !== null) return ''
    request.byHand.answers.push({ status, length: text.length })
    return this.scheduler.redirect(x, 'respond') === null ? 'answered' : ''
  }

  private changeRequest(x: Exchange, request: Request): string {
    const { byHand } = request
    const [name, forbidden] = FORBIDDEN[this.chance.below(FORBIDDEN.length)]
    if (changes.setRequest(x, name, forbidden) === null)
      throw new Violation('S2', `${x.id} takes ${name}: ${forbidden} from a debugger`)
    const value = String(this.chance.below(1000))
    const path = this.chance.chance(30)
    if (
      (path
        ? changes.setControl(x, 'path', `/${request.id}?hand=${value}`)
        : changes.setRequest(x, HAND_FIELD, value)) !== null
    )
      return ''
    byHand.values.push(value)
    if (!path && !x.sent) byHand.always = true
    return 'request changed'
  }

  private changeResponse(x: Exchange): string {
    const tag = x.backendStream?.head?.fields.find(({ name }) => name === 'x-r')?.value
    if (tag === undefined) return ''
    if (changes.setResponse(x, 'content-length', '7') === null)
      throw new Violation('S2', `${x.id} takes the length of its response from a debugger`)
    const value = String(this.chance.below(1000))
    if (changes.setResponse(x, HAND_FIELD, value) !== null) return ''
    this.stage.books.responses[Number(tag)].handValue = value
    return 'response changed'
  }

  private changeBackend(x: Exchange): string {
    if (x.backend === null || changes.setBackend(x, x.backend.name) !== null) return ''
    // Its old lease is gone: it must ask again.
    if (x.hold?.wait != null) this.scheduler.redirect(x, 'lease')
    return 'backend chosen'
  }
}
