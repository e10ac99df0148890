// Requests whose target a function of the program is about to name. They have no exchange yet, so they are
// listed here: a program sees them beside those that run.

import type { HttpWorld } from '../../http/index.js'
import type { LiveExchange } from '../exchange-views.js'
import { ProxyError } from './events.js'
import type { ProxyRequest, Target } from './options.js'

interface LateTarget {
  readonly id: string
  readonly request: ProxyRequest
  readonly since: number
}

export class LateTargets {
  private readonly waiting = new Set<LateTarget>()
  private readonly world: HttpWorld
  private readonly targetMs: number

  /** @param targetMs the ms in which a function must have named a target */
  constructor(world: HttpWorld, targetMs: number) {
    this.world = world
    this.targetMs = targetMs
  }

  private get now(): number {
    const { pollset } = this.world
    return pollset.now + pollset.spentMs()
  }

  /** Calls `named` with the target, or `failed` with the reason why there is none. */
  wait(
    request: ProxyRequest,
    found: Promise<Target>,
    named: (target: Target) => void,
    failed: (error: unknown) => void,
  ): void {
    const late: LateTarget = { id: this.world.nextId('t'), request, since: this.now }
    this.waiting.add(late)
    const once = (then: () => void): void => {
      clearTimeout(timer)
      if (this.waiting.delete(late)) then()
    }
    const timer = setTimeout(
      () => once(() => failed(new ProxyError('target-late', 504, 'no target was found in time'))),
      this.targetMs,
    )
    found.then(
      (target) => once(() => named(target)),
      (error) => once(() => failed(error)),
    )
  }

  /** Lists them, the newest first. */
  list(): LiveExchange[] {
    const { now } = this
    return [...this.waiting].reverse().map(({ id, request, since }) => ({
      id,
      method: request.method ?? '',
      host: String(request.headers.host ?? request.headers[':authority'] ?? ''),
      path: request.url ?? '',
      step: 'target',
      state: 'waiting',
      waitsFor: ['target'],
      sinceMs: now - since,
      ageMs: now - since,
      lateInMs: Math.max(0, since + this.targetMs - now),
      client: `${request.socket?.remoteAddress ?? ''}:${request.socket?.remotePort ?? 0}`,
      backend: null,
      attempts: 0,
      tunnel: false,
    }))
  }
}
