// The reading in a thread of its own, and the parts in which it answers.

import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import {
  type AnswerPart,
  Joining,
  NEXT_PART,
  type ReadAnswer,
  type ReadRequest,
  readFrom,
} from '../../src/server/reading.js'
import { EXAMPLE, OPTIONS, readExample } from '../config/example.js'
import { once } from '../world/proxy-world.js'

/** Asks a thread for all parts. */
function asker(t: Test) {
  const worker = new Worker(new URL('../../src/server/config-thread.js', import.meta.url))
  t.teardown(() => worker.terminate())
  return async (request: ReadRequest): Promise<{ answer: ReadAnswer; parts: AnswerPart[] }> => {
    const joining = new Joining()
    const parts: AnswerPart[] = []
    for (let asked: unknown = request; ; asked = NEXT_PART) {
      worker.postMessage(asked)
      const [part] = (await once(worker, 'message')) as [AnswerPart]
      parts.push(part)
      const answer = joining.take(part)
      if (answer !== null) return { answer, parts }
    }
  }
}

t.test('the thread answers each request with the plain result', async (t) => {
  const folder = t.testdir({ 'right.yaml': EXAMPLE, 'wrong.yaml': 'versoin: 1\n' })
  const ask = asker(t)
  const request = { options: OPTIONS, digestKey: 'key' }
  const right = await ask({ source: { file: `${folder}/right.yaml` }, ...request })
  const here = readExample().configuration
  const text = JSON.stringify(here).replaceAll('"fermata.yaml"', JSON.stringify(`${folder}/right.yaml`))
  t.strictSame(right.answer.configuration, JSON.parse(text))
  const again = await ask({ source: { file: `${folder}/right.yaml` }, ...request })
  t.equal(again.answer.digest, right.answer.digest, 'equal configurations have equal digests')
  const other = await ask({ source: { file: `${folder}/right.yaml` }, ...request, digestKey: 'other' })
  t.not(other.answer.digest, right.answer.digest, 'for those who have the key')
  const wrong = await ask({ source: { file: `${folder}/wrong.yaml` }, ...request })
  t.match(wrong.answer, {
    configuration: null,
    digest: '',
    errors: [{ line: 1, message: /did you mean version/ }],
    contents: { paths: [`${folder}/wrong.yaml`] },
  })
  t.equal(wrong.parts.length, 1)
})

t.test('a long configuration comes in parts of bounded length, with what was found out', async (t) => {
  const routes = Array.from({ length: 250 }, (_, at) => ({
    name: `r${at}`,
    match: { path: { pattern: `/p${at % 120}/.*` } },
    backend: `b${at % 110}`,
  }))
  const backends = Object.fromEntries(
    Array.from({ length: 110 }, (_, at) => [
      `b${at}`,
      { protocol: 'http', endpoints: [`127.0.0.1:${at + 1}`] },
    ]),
  )
  const document = { version: 1, listeners: { main: { address: '127.0.0.1:0' } }, backends, routes }
  const request: ReadRequest = { source: { document }, options: OPTIONS, digestKey: 'key' }
  const { answer, parts } = await asker(t)(request)
  const whole = readFrom(request)
  t.strictSame(answer.configuration, whole.configuration)
  t.equal(answer.digest, whole.digest)
  t.strictSame([...answer.foundOut.automata.keys()], [...whole.foundOut.automata.keys()])
  t.equal(answer.foundOut.automata.size, 120)
  t.strictSame(
    parts.map((part) => ('first' in part ? 'first' : `${part.list} ${part.entries.length}`)),
    [
      'first',
      'routes 100',
      'routes 100',
      'routes 50',
      'backends 100',
      'backends 10',
      'automata 100',
      'automata 20',
    ],
  )
})
