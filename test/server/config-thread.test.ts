// The reading in a thread of its own.

import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { ReadAnswer, ReadRequest } from '../../src/server/config-thread.js'
import { EXAMPLE, OPTIONS, readExample } from '../config/example.js'
import { once } from '../world/proxy-world.js'

t.test('the worker answers each request with the plain result', async (t) => {
  const folder = t.testdir({ 'right.yaml': EXAMPLE, 'wrong.yaml': 'versoin: 1\n' })
  const worker = new Worker(new URL('../../src/server/config-thread.js', import.meta.url))
  t.teardown(() => worker.terminate())
  const ask = async (request: ReadRequest): Promise<ReadAnswer> => {
    worker.postMessage(request)
    const [answer] = (await once(worker, 'message')) as [ReadAnswer]
    return answer
  }
  const right = await ask({ id: 1, file: `${folder}/right.yaml`, options: OPTIONS })
  t.equal(right.id, 1)
  const here = readExample().configuration
  const text = JSON.stringify(here).replaceAll('"fermata.yaml"', JSON.stringify(`${folder}/right.yaml`))
  t.strictSame(right.result.configuration, JSON.parse(text))
  const wrong = await ask({ id: 2, file: `${folder}/wrong.yaml`, options: OPTIONS })
  t.match(wrong, {
    id: 2,
    result: { configuration: null, errors: [{ line: 1, message: /did you mean version/ }] },
  })
})
