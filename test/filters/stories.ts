// Stories of exchanges with filters, run by test/proxy/edges.test.ts for the edges and waits that they take.

import type { Test } from 'tap'
import { BODY } from '../../src/http/index.js'
import { Signal } from '../../src/pollset/index.js'
import {
  AnswerSource,
  type Filter,
  PASS,
  RATE_LIMITED,
  type Verdict,
  type WaitPhase,
} from '../../src/proxy/index.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { Seen } from '../world/seen.js'
import { filtered, use, valueIn } from './small-proxy.js'
import { Mapping } from './transforms.js'

const OK = headers(1, [[':status', '200']])
const RST_STREAM = 3

/** A filter that waits once in this phase. */
function gate(phase: 'request' | 'attempt' | 'response', signal: Signal): Filter<unknown> {
  const waits = (x: WaitPhase): Verdict =>
    signal.readiness !== 0 ? PASS : x.waitFor(signal, 1, { within: 1_000 })
  return { [phase]: waits }
}

/** A body of which the test says what has come. */
class Growing extends AnswerSource {
  readonly id = 'growing'
  readonly kind = 'body'
  readonly trailers = null
  remoteEnded = false
  left = 0
  private rest = Buffer.alloc(0)
  readonly receiveBuffer = {
    pull: (target: Buffer, offset: number, bytes: number): number => {
      this.rest.copy(target, offset, 0, bytes)
      this.rest = this.rest.subarray(bytes)
      return bytes
    },
  }

  get waitingBytes(): number {
    return this.rest.length
  }

  grow(text: string, ended: boolean): void {
    this.rest = Buffer.concat([this.rest, Buffer.from(text)])
    this.remoteEnded = ended
    this.raise(BODY)
  }

  leave(): void {
    this.left++
  }
}

export const STORIES: readonly (readonly [string, (t: Test, seen: Seen) => void])[] = [
  ...(['request', 'attempt', 'response'] as const).flatMap(
    (phase): [string, (t: Test, seen: Seen) => void][] =>
      (['ready', 'late', 'cancelled'] as const).map((end) => [
        `X1, K4: a wait in ${phase} that is ${end}`,
        (t, seen) => {
          const signal = new Signal('gate', 'signal', ['OPEN'])
          const p = filtered([use('gate', gate(phase, signal)), use('gate2', gate(phase, signal))], REQUEST, {
            seen,
          })
          if (phase === 'response') p.backends[0].send(OK)
          if (end === 'ready') {
            signal.raise(1)
            p.pollset.run()
            if (phase !== 'response') {
              p.backends[0].send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
              p.backends[0].send(OK)
            }
            t.equal(valueIn(p.client.blocks()[0], ':status'), '200')
          } else if (end === 'late') {
            p.pollset.advance(1_000)
            t.equal(valueIn(p.client.blocks()[0], ':status'), '504')
          } else p.far.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])))
          t.equal(p.proxy.logged, 1)
        },
      ]),
  ),
  [
    'K1: a filter answers, in each phase that may',
    (t, seen) => {
      const outer = use('outer', { response: () => PASS })
      for (const phase of ['request', 'response'] as const) {
        const p = filtered([outer, use('answers', { [phase]: (x: never) => answered(x) })], REQUEST, { seen })
        if (phase === 'response') p.backends[0].send(OK)
        t.equal(valueIn(p.client.blocks()[0], ':status'), '418', phase)
      }
    },
  ],
  [
    'K2: a filter refuses, in each phase that may',
    (t, seen) => {
      const outer = use('outer', { response: () => PASS })
      for (const phase of ['request', 'attempt', 'response'] as const) {
        const p = filtered(
          [outer, use('refuses', { [phase]: (x: WaitPhase) => x.refuse(RATE_LIMITED) })],
          REQUEST,
          { seen },
        )
        if (phase === 'response') p.backends[0].send(OK)
        t.equal(valueIn(p.client.blocks()[0], ':status'), '429', phase)
      }
    },
  ],
  ...(['whole', 'cut', 'late', 'cancelled'] as const).map((end): [string, (t: Test, seen: Seen) => void] => [
    `K13: an answer that comes in time: ${end}`,
    (t, seen) => {
      const source = new Growing()
      const outer = use('outer', { response: () => PASS })
      const p = filtered(
        [outer, use('cache', { request: (x) => x.answer({ status: 200, source }) })],
        REQUEST,
        { seen },
        { proxy: { bodyTimeoutMs: 1_000 } },
      )
      source.grow('one ', false)
      p.pollset.run()
      t.equal(p.client.read().body, 'one ')
      if (end === 'whole') {
        source.grow('two', true)
        p.pollset.run()
        t.equal(p.client.read().body, 'two')
      } else if (end === 'cut') {
        source.fault = FAULT
        source.raise(16)
        p.pollset.run()
        t.ok(p.client.read().types.includes(RST_STREAM))
      } else if (end === 'late') {
        // This wake brings no bytes.
        p.pollset.advance(900)
        source.grow('', false)
        p.pollset.run()
        p.pollset.advance(100)
        t.ok(p.client.read().types.includes(RST_STREAM))
      } else p.far.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])))
      t.equal(p.proxy.logged, 1)
      t.equal(source.left, 1, 'it is left once')
    },
  ]),
  [
    'K13: an answer of ours whose transform fails is cut',
    (t, seen) => {
      const source = new Growing()
      const broken = use('broken', {
        response: (x) => {
          x.transformBody(() => new Mapping(() => raise('it broke')))
          return PASS
        },
      })
      const p = filtered(
        [broken, use('cache', { request: (x) => x.answer({ status: 200, source }) })],
        REQUEST,
        { seen },
      )
      source.grow('one', false)
      p.pollset.run()
      t.ok(p.client.read().types.includes(RST_STREAM))
      t.equal(p.proxy.logged, 1)
    },
  ],
]

const raise = (text: string): never => {
  throw new Error(text)
}

const FAULT = {
  code: 'backend-closed',
  side: 'backend',
  scope: 'connection',
  retry: 'never',
  message: 'gone',
} as const as NonNullable<AnswerSource['fault']>

const answered = (x: { answer(answer: { status: number }): Verdict }): Verdict => x.answer({ status: 418 })
