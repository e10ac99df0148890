// The questions about a running server whose answers are plain JSON: another process can be asked too. The
// admin listener asks them here. Questions about requests get the same answers as from the debugger.

import { redactedKey } from '../access-log/index.js'
import { defaultLogRedaction, type LogRedaction } from '../config/index.js'
import {
  CommandError,
  type DebuggerLimits,
  Inquiry,
  type ListAsked,
  type Surveyor,
} from '../debugger/index.js'
import { endsWorld } from '../pollset/index.js'
import { type Hiding, hidingBy, type Purge } from '../proxy/index.js'
import type { Backends } from './backends.js'
import { type OverlayChange, overlaidText, overlayEndpoint, overlaysOf } from './overlays.js'
import { noCacheText, purgeText, spread } from './purges.js'
import { requestTarget } from './request-kinds.js'
import type { Server } from './server.js'

/** A question as plain data. Ids have the prefix of the World that is asked. */
export type Question =
  | ({ readonly ask: 'list' } & ListAsked)
  | { readonly ask: 'why'; readonly id: string }
  | { readonly ask: 'end'; readonly id: string }
  | { readonly ask: 'backends' }
  | { readonly ask: 'overlays' }
  | { readonly ask: 'caches' }
  | { readonly ask: 'purge'; readonly cache: string; readonly what: Purge }
  | {
      readonly ask: 'overlay'
      readonly backend: string
      /** The address or the URL of an endpoint. */
      readonly endpoint: string
      /** The change; null removes the overlay. */
      readonly change: OverlayChange | null
    }

/** The answer as plain data: JSON, or a reason for its absence. */
export type Answer =
  | { readonly json: string }
  /**
   * `wrong`: the question is wrong; `unknown`: it names something that does not exist; `failed`:
   * an error of ours
   */
  | { readonly refused: 'wrong' | 'unknown' | 'failed'; readonly why: string }

/** Answers questions: each once, at once or later. */
export interface Questions {
  ask(question: Question, answered: (answer: Answer) => void): void
}

/** Answers questions about the server of this process. It hides the values that the access log hides. */
export class LocalQuestions implements Questions {
  private readonly server: Server
  private readonly backends: Backends
  private readonly inquiry: Inquiry
  private hiding: { readonly of: LogRedaction; readonly by: Hiding } | null = null

  constructor(server: Server, backends: Backends, limits: DebuggerLimits) {
    this.server = server
    this.backends = backends
    const target = requestTarget(server, backends, {
      secrets: false,
      hiding: () => this.hidingNow(),
      keyHiding: () => (this.redaction.keys === 'ids' ? redactedKey : (key) => key),
    })
    this.inquiry = new Inquiry(target, limits)
  }

  ask(question: Question, answered: (answer: Answer) => void): void {
    try {
      if (question.ask === 'list') this.inquiry.list(question, new Gathering(answered), () => {}).begin()
      else if (question.ask === 'purge') this.purge(question, answered)
      else answered({ json: JSON.stringify(this.answerTo(question)) })
    } catch (error) {
      if (endsWorld(error)) throw error
      answered(refusalOf(error))
    }
  }

  private answerTo(question: Exclude<Question, { ask: 'list' | 'purge' }>): unknown {
    const { backends, inquiry } = this
    const { now } = this.server.world.pollset
    switch (question.ask) {
      case 'why':
        return inquiry.why(question.id)
      case 'end':
        return inquiry.end(question.id)
      case 'backends':
        return backends.all().map(({ name, budget, balancer }) => ({
          name,
          budget: budget?.describe() ?? null,
          ...balancer.describe(now),
        }))
      case 'overlays':
        return overlaysOf(backends, now)
      case 'caches':
        return [...this.server.served.filters.caches()].map(([name, facts]) => ({ name, ...facts }))
      case 'overlay': {
        const overlaid = overlayEndpoint(backends, question, now)
        this.server.log.tell('info', overlaidText(overlaid))
        return overlaid
      }
    }
  }

  private purge(
    { cache, what }: Extract<Question, { ask: 'purge' }>,
    answered: (answer: Answer) => void,
  ): void {
    const { log, served } = this.server
    const done = served.filters.purge(cache, what)
    if (done === null) throw new CommandError(noCacheText(cache, [...served.filters.caches().keys()]), true)
    log.tell('info', `${purgeText(what)} is purged from ${cache}`)
    spread(what, done.shared, (outcome) => {
      if (outcome.spread === false)
        log.tell('error', `the purge of ${cache} did not reach other processes: ${outcome.why}; repeat it`)
      answered({ json: JSON.stringify({ cache, purged: what, removed: done.removed, ...outcome }) })
    })
  }

  private get redaction(): LogRedaction {
    return this.server.configuration.accessLog?.redact ?? defaultLogRedaction
  }

  private hidingNow(): Hiding {
    const { redaction } = this
    if (this.hiding?.of !== redaction) this.hiding = { of: redaction, by: hidingBy(redaction) }
    return this.hiding.by
  }
}

const refusalOf = (error: unknown): Answer =>
  error instanceof CommandError
    ? { refused: error.isUnknown ? 'unknown' : 'wrong', why: error.message }
    : { refused: 'failed', why: error instanceof Error ? error.message : String(error) }

/** Puts the pieces of a survey together. */
class Gathering implements Surveyor {
  private readonly pieces: Buffer[] = []
  private readonly answered: (answer: Answer) => void

  constructor(answered: (answer: Answer) => void) {
    this.answered = answered
  }

  surveyed(): void {}

  surveyPiece(bytes: Buffer): void {
    this.pieces.push(Buffer.from(bytes))
  }

  surveyOver(): void {
    this.answered({ json: Buffer.concat(this.pieces).toString('utf8') })
  }

  surveyFailed(thrown: unknown): void {
    this.answered(refusalOf(thrown))
  }
}
