// externalAuth: asks a service whether a request may pass. The question is a request of its own, to a backend
// and a path that the configuration fixes. The request is suspended meanwhile, and holds no lease.

import { z } from 'zod'
import { BODY, HEAD, type Head, RESET } from '../../http/index.js'
import {
  type FieldLine,
  type Filter,
  type FilterAnswer,
  PASS,
  type RequestPhase,
  type Subrequest,
  type Verdict,
} from '../../proxy/index.js'
import { storedLines } from '../cache/entry.js'
import { defineFilter, type FilterContext } from '../define.js'
import { fieldName } from '../field-options.js'
import { readHostName, readTarget } from '../url-options.js'

const TIMEOUT_MS = 2_000
/** The most bytes that are read of the body of an admitting answer, so that the connection stays. */
const DRAINED_BYTES_MAX = 65_536

interface Options {
  readonly backend: string
  readonly path: string
  readonly host?: string | undefined
  readonly send?: readonly string[] | undefined
  readonly take?: readonly string[] | undefined
  readonly timeout?: number | undefined
}

interface ExternalState {
  question: Subrequest | null
  drained: number
}

const spelling = (name: string): string => name.replaceAll('_', '-')

class ExternalAuth implements Filter<ExternalState> {
  readonly identityFields: readonly string[]
  private readonly backend: string
  private readonly path: string
  private readonly host: string | null
  private readonly sent: ReadonlySet<string>
  private readonly taken: readonly string[]
  private readonly timeoutMs: number
  private readonly scratch = Buffer.alloc(16_384)
  private readonly counts = { asked: 0, allowed: 0, refused: 0, failed: 0 }

  constructor({ backend, path, host, send, take = [], timeout }: Options) {
    this.backend = backend
    this.path = path
    this.host = host ?? null
    this.sent = new Set(send ?? ['authorization', 'cookie'])
    this.taken = take
    // The service receives such a field; it is dropped when the answer has come.
    this.identityFields = take.filter((name) => !this.sent.has(name))
    this.timeoutMs = timeout ?? TIMEOUT_MS
  }

  begin(): ExternalState {
    return { question: null, drained: 0 }
  }

  request(x: RequestPhase, s: ExternalState): Verdict {
    s.question ??= this.ask(x)
    const { question } = s
    const { head, refusal } = question
    if (head === null) {
      if ((question.readiness & RESET) !== 0) throw this.failed(question.fault?.message ?? 'it ended early')
      return x.waitFor(question, HEAD | RESET, { within: this.timeoutMs })
    }
    if (refusal !== null) throw this.failed(refusal.text)
    const { status } = head
    if (status >= 300 && status < 500) return this.passOn(x, s, question, head)
    if (status >= 300) throw this.failed(`it answered ${status}`)
    return this.drains(s, question) ? this.allow(x, head) : this.wait(x, question)
  }

  private failed(why: string): Error {
    this.counts.failed++
    return new Error(`the backend ${this.backend} could not be asked: ${why}`)
  }

  private ask(x: RequestPhase): Subrequest {
    const { clientAddress, request } = x
    const told: FieldLine[] = [
      ['x-forwarded-method', request.asksTunnel ? 'GET' : request.method],
      ['x-forwarded-proto', request.scheme],
      ['x-forwarded-host', request.authority],
      ['x-forwarded-uri', request.target],
    ]
    if (clientAddress !== '') told.push(['x-forwarded-for', clientAddress])
    this.counts.asked++
    return x.subrequest({
      id: `${x.id}/${x.filter}${this.counts.asked}`,
      backend: this.backend,
      target: this.path,
      ...(this.host === null ? {} : { authority: this.host }),
      without: (name) => !this.sent.has(name),
      fields: told,
    })
  }

  /** Reads the body of an admitting answer. Returns true once no more of it is read. */
  private drains(s: ExternalState, question: Subrequest): boolean {
    for (let read = -1; read !== 0; s.drained += read)
      read = question.take(this.scratch, 0, this.scratch.length)
    return question.remoteEnded || s.drained >= DRAINED_BYTES_MAX || (question.readiness & RESET) !== 0
  }

  private wait(x: RequestPhase, question: Subrequest): Verdict {
    question.lower(BODY)
    return x.waitFor(question, BODY | RESET, { within: this.timeoutMs })
  }

  private allow(x: RequestPhase, { fields, pseudos }: Head): Verdict {
    let identity = ''
    for (const name of this.taken) {
      if (this.sent.has(name)) dropSpellings(x, name)
      const values: string[] = []
      for (let at = pseudos; at < fields.length; at++)
        if (fields[at].name === name) values.push(fields[at].value)
      if (values.length === 0) continue
      x.fields.set(name, values)
      if (identity === '') [identity] = values
    }
    // The service may have read a cookie: the response belongs to this client.
    x.identify(identity === '' ? x.filter : identity)
    this.counts.allowed++
    return PASS
  }

  /** Passes the answer of the service to the client. */
  private passOn(x: RequestPhase, s: ExternalState, question: Subrequest, head: Head): Verdict {
    const { status, contentLength } = head
    this.counts.refused++
    const fields = storedLines((visit) => {
      for (const { name, value } of head.fields.slice(head.pseudos)) visit(name, value)
    })
    const outcome: FilterAnswer['outcome'] =
      status === 401 ? 'unauthorized' : status < 400 ? 'redirected' : 'denied'
    const isWhole = question.remoteEnded && question.waitingBytes === 0
    if (isWhole || status === 304 || x.request.method === 'HEAD') return x.answer({ status, fields, outcome })
    s.question = null
    return x.answer({
      status,
      fields,
      outcome,
      source: question,
      ...(contentLength < 0 ? {} : { length: contentLength }),
    })
  }

  release(s: ExternalState): void {
    s.question?.leave()
  }

  describe() {
    return { backend: this.backend, ...this.counts }
  }
}

/** Removes a field in all its spellings. */
function dropSpellings(x: RequestPhase, name: string): void {
  const names = new Set<string>()
  x.fields.each((each) => {
    if (spelling(each) === spelling(name)) names.add(each)
  })
  for (const each of names) x.fields.remove(each)
}

export const externalAuth = defineFilter({
  name: 'externalAuth',
  description: 'Asks a service whether a request may pass.',
  role: 'authentication',
  options: (types) =>
    z.strictObject({
      backend: types.text('The backend that is asked.', 'the name of a backend'),
      path: types.text(
        'The path of each question, with a query if you like.',
        'a path, as /verify',
        readTarget,
      ),
      host: types
        .text(
          'The host that the backend is asked by. Default: that of the request.',
          'a host name',
          readHostName,
        )
        .optional(),
      send: z
        .array(fieldName(types, 'The name of a field.'))
        .describe('Fields of the request that the service gets. Default: authorization and cookie.')
        .optional(),
      take: z
        .array(fieldName(types, 'The name of a field.'))
        .describe(
          "Fields of its answer that the request gets. The first one that is there names the client. The client's copies are dropped.",
        )
        .optional(),
      timeout: types
        .duration('The longest time for the answer. Default 2s.', { least: 1, most: 600_000 })
        .optional(),
    }),
  check({ backend }, checks) {
    checks.backend(['backend'], backend)
  },
  create: (options, _context: FilterContext) => new ExternalAuth(options),
})
