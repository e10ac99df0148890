// The numbers by which the Debug Adapter Protocol names threads, frames and groups of variables, and the
// things they stand for. A frame is valid while its thread is stopped; numbers are never used twice. The
// number of a thread is kept until it ends, and the client is told of that.

import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { Continuation, seconds, type Watcher } from '../continuation/index.js'
import { CommandError, type Commander, matching } from './commander.js'
import type { DapContext } from './dap-session.js'
import type { Link, Row, Scope } from './target.js'

export interface Frame {
  readonly continuation: Continuation
  readonly link: Link
}

interface Variables {
  readonly continuation: Continuation
  readonly scope: string
}

export class Views implements Watcher {
  private readonly context: DapContext
  /** Is told of each thread that has ended. */
  private readonly exited: (threadId: number) => void
  private readonly numbers = new Map<Continuation, number>()
  private readonly threads_ = new Map<number, Continuation>()
  private readonly frames = new Map<number, Frame>()
  private readonly variables = new Map<number, Variables>()
  /** The numbers of the paths of sources that are not files on this machine. */
  private readonly references = new Map<string, number>()
  private last = 0

  constructor(context: DapContext, exited: (threadId: number) => void) {
    this.context = context
    this.exited = exited
  }

  /** The number of threads that have a number. */
  get size(): number {
    return this.numbers.size
  }

  /** Returns the number of a living continuation. */

  numberOf(continuation: Continuation): number {
    let number = this.numbers.get(continuation)
    if (number === undefined) {
      number = ++this.last
      // It watches only while a number is given, since only then must ends be reported.
      if (this.size === 0) this.context.world.scheduler.watch(this)
      this.numbers.set(continuation, number)
      this.threads_.set(number, continuation)
    }
    return number
  }

  /** Returns the number of a continuation; undefined if it has none, or has ended. */
  given(continuation: Continuation): number | undefined {
    return this.numbers.get(continuation)
  }

  ended(continuation: Continuation): void {
    const number = this.numbers.get(continuation)
    if (number === undefined) return
    this.dropFrames(continuation)
    this.numbers.delete(continuation)
    this.threads_.delete(number)
    if (this.size === 0) this.context.world.scheduler.unwatch(this)
    this.exited(number)
  }

  /** Forgets everything, since the client has gone. */
  clear(): void {
    if (this.size > 0) this.context.world.scheduler.unwatch(this)
    for (const each of [this.numbers, this.threads_, this.frames, this.variables]) each.clear()
  }

  /** Returns the living continuation of a thread. Throws a CommandError. */
  thread(id: unknown): Continuation {
    const found = this.threads_.get(id as number)
    if (found === undefined || found.finished) throw new CommandError(`thread ${String(id)} has ended`)
    return found
  }

  frame(id: unknown): Frame {
    const found = this.frames.get(id as number)
    if (found === undefined || found.continuation.finished)
      throw new CommandError(`frame ${String(id)} is not valid any more: its thread has gone on`)
    return found
  }

  scope(
    reference: unknown,
    secrets: boolean,
  ): { readonly scope: Scope; readonly continuation: Continuation } {
    const found = this.variables.get(reference as number)
    if (found === undefined || found.continuation.finished)
      throw new CommandError(
        `variables ${String(reference)} are not valid any more: their thread has gone on`,
      )
    const scopes = this.context.debugger.target.scopes(found.continuation, secrets)
    const scope = scopes.find(({ name }) => name === found.scope)
    if (scope === undefined) throw new CommandError(`there is no ${found.scope} any more`)
    return { scope, continuation: found.continuation }
  }

  /** Drops the frames and variables of this continuation, which goes on, and of all that have ended. */
  dropFrames(continuation: Continuation): void {
    for (const views of [this.frames, this.variables])
      for (const [id, { continuation: of }] of views) if (of === continuation || of.finished) views.delete(id)
  }

  /** Returns as threads the held requests, then those that the filter matches. */
  threads(by: Commander, filter: string): { id: number; name: string }[] {
    const { debugger: its } = this.context
    const { target, limits } = its
    const shown = new Map<Continuation, Row>()
    for (const each of its.holding.all()) {
      const row = target.row(each)
      if (row !== null) shown.set(each, row)
    }
    if (filter !== '') {
      const { all } = matching(by, filter)
      for (let at = all.length - 1; at >= 0 && shown.size < limits.threadsMax; at--) {
        const row = target.row(all[at])
        if (row !== null) shown.set(all[at], row)
      }
    }
    return [...shown].map(([each, row]) => ({ id: this.numberOf(each), name: threadName(row) }))
  }

  stack(continuation: Continuation): Readonly<Record<string, unknown>>[] {
    this.dropFrames(continuation)
    const { sources } = this.context
    return this.context.debugger.target.chain(continuation).map((link) => {
      const id = ++this.last
      this.frames.set(id, { continuation, link })
      const { subject } = link
      if (subject instanceof Continuation) sources.register(subject.program)
      const place =
        subject instanceof Continuation ? sources.place(subject.program.name, subject.stepName) : null
      return {
        id,
        name: link.label,
        line: place?.line ?? 0,
        column: place?.column ?? 0,
        ...(place === null ? { presentationHint: 'label' } : { source: this.source(place.path) }),
      }
    })
  }

  scopes({ continuation, link }: Frame, secrets: boolean): Readonly<Record<string, unknown>>[] {
    const { target } = this.context.debugger
    const described = link.subject === continuation ? null : link.subject
    return target.scopes(continuation, secrets).map(({ name, expensive, variables }) => {
      const variablesReference = ++this.last
      this.variables.set(variablesReference, { continuation, scope: name })
      return {
        name,
        expensive: expensive || described !== null,
        variablesReference,
        namedVariables: variables.length,
        presentationHint: 'locals',
      }
    })
  }

  /**
   * Returns a source in the form of the protocol: by its path if the file is on this machine,
   * else by a number.
   */
  source(path: string): Readonly<Record<string, unknown>> {
    const name = basename(path)
    if (existsSync(path)) return { name, path }
    let reference = this.references.get(path)
    if (reference === undefined) {
      reference = ++this.last
      this.references.set(path, reference)
    }
    return { name, path, sourceReference: reference }
  }

  /** Returns the path of a source that was named by a number. */
  pathOf(reference: unknown): string | undefined {
    for (const [path, number] of this.references) if (number === reference) return path
    return undefined
  }
}

const threadName = ({ id, method, path, step, sinceMs }: Row): string =>
  `${id} ${method} ${path} · ${step} · ${seconds(sinceMs)}`
