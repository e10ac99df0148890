// fermata-proxy/testing: filters of the box in every way, and bad filters, each of which is found.

import t, { type Test } from 'tap'
import {
  asyncFilter,
  defineFilter,
  type Filter,
  type FilterDefinition,
  PASS,
  Signal,
  z,
} from '../../src/filters/filter.js'
import { definitionOf } from '../../src/filters/index.js'
import { exploreFilter, type FilterRun, type FilterTest, tryFilter } from '../../src/testing/index.js'

t.setTimeout(180_000)

const box = (name: string): FilterDefinition => definitionOf(name) as FilterDefinition
const none = z.strictObject({})
const define = (
  create: (...args: Parameters<FilterDefinition['create']>) => Filter<never>,
): FilterDefinition =>
  defineFilter({ name: 'own', description: 'Own.', options: none, create: create as never })

/** Explores, and expects no problem. Returns the runs by their way. */
async function explored(t: Test, test: FilterTest): Promise<Map<string, FilterRun>> {
  const runs = await exploreFilter(test, { splitsMax: 40 })
  t.strictSame(
    runs.flatMap(({ way, problems }) => problems.map((each) => `${way}: ${each}`)),
    [],
  )
  return new Map(runs.map((each) => [each.way, each]))
}

const statusesOf = (runs: Map<string, FilterRun>, way: string): number[] =>
  runs.get(way)?.got.map(({ status }) => status) ?? []

t.test('X1, X2, X3, X4: headers and bodyLimit in every way', async (t) => {
  const runs = await explored(t, {
    filters: [
      {
        filter: box('headers'),
        options: { request: { set: { 'x-a': '1' } }, response: { remove: ['x-powered-by'] } },
      },
      { filter: box('bodyLimit'), options: { bytes: '8B' } },
    ],
    requests: [
      { method: 'POST', body: 'four' },
      {
        method: 'POST',
        fields: [['transfer-encoding', 'chunked']],
        body: '4\r\nfour\r\n5\r\nfive!\r\n0\r\n\r\n',
      },
      { method: 'POST', body: 'too many bytes' },
    ],
    respond: () => ({ fields: [['x-powered-by', 'php']], body: 'hello' }),
  })
  t.strictSame(statusesOf(runs, 'plain'), [200, 413, 413])
  const [first] = runs.get('plain')?.asked ?? []
  t.match(first?.fields, [['host', 'example.test']])
  t.ok(first?.fields.some(([name, value]) => name === 'x-a' && value === '1'))
  t.equal(first?.body, 'four')
  t.ok(runs.size > 60, `${runs.size} ways`)
})

t.test('X1, X2, X3, X6: the cache: a fill and those that wait for it', async (t) => {
  const requests = ['/', '/', '/'].map((target) => ({ target }))
  for (const control of ['max-age=60', 'private']) {
    const runs = await explored(t, {
      filters: { filter: box('cache') },
      requests,
      atOnce: true,
      respond: () => ({ fields: [['cache-control', control]], body: 'a body that is stored' }),
    })
    t.strictSame(statusesOf(runs, 'plain'), [200, 200, 200])
    t.equal(runs.get('plain')?.asked.length, control === 'private' ? 3 : 1, control)
    t.strictSame(statusesOf(runs, 'wait 2 late'), [200, 200, 200], 'it asks by itself')
    t.strictSame(statusesOf(runs, 'wait 1 cancelled').filter((each) => each === 200).length, 2)
  }
})

t.test('X1, X2: an async filter: each wait late and cancelled, each task failing', async (t) => {
  const filter = define(
    (_options, context) =>
      asyncFilter(
        context,
        {
          async request({ path }) {
            await new Promise((resolve) => setTimeout(resolve, 2))
            return { set: { 'x-path': path } }
          },
          response: ({ body }) => ({ body: `${body?.toString()}!` }),
        },
        { responseBody: 100 },
      ) as Filter<never>,
  )
  const runs = await explored(t, {
    filters: { filter },
    requests: { target: '/a' },
    respond: () => ({ body: 'b' }),
  })
  t.equal(runs.get('plain')?.got[0].body, 'b!')
  t.strictSame(runs.get('plain')?.asked[0].fields.at(-1), ['x-path', '/a'])
  t.strictSame(statusesOf(runs, 'wait 1 late'), [504])
  t.strictSame(statusesOf(runs, 'wait 1 cancelled'), [0])
  t.strictSame(statusesOf(runs, 'task 1 fails'), [500])
  t.match(runs.get('task 1 fails')?.failures, ['own: the task failed, as the test has it'])
})

t.test('a transform, and a filter that pauses', async (t) => {
  const upper = define(() => ({
    response(x) {
      x.transformBody(() => ({
        holdBytesMax: 0,
        heldBytes: 0,
        ended: false,
        pull(input, out, at, room) {
          const taken = input.take(out, at, Math.min(room, 3))
          for (let i = at; i < at + taken; i++) if (out[i] > 0x60) out[i] -= 0x20
          ;(this as { ended: boolean }).ended = input.ended && input.available === 0
          return taken
        },
      }))
      return PASS
    },
  }))
  const runs = await explored(t, { filters: { filter: upper }, respond: () => ({ body: 'letters' }) })
  t.equal(runs.get('plain')?.got[0].body, 'LETTERS')
  const pauses = define(() => {
    const met = new Set<string>()
    return {
      request(x) {
        if (met.has(x.id)) return PASS
        met.add(x.id)
        return x.pause(5_000)
      },
    }
  })
  const paused = await explored(t, { filters: { filter: pauses } })
  t.strictSame(statusesOf(paused, 'plain'), [200])
  t.strictSame(statusesOf(paused, 'wait 1 late'), [200])
})

t.test('bad filters are found', async (t) => {
  const dependsOnSplits = define(() => ({
    response(x) {
      let pulls = 0
      x.transformBody(() => ({
        holdBytesMax: 0,
        heldBytes: 0,
        ended: false,
        pull(input, out, at, room) {
          const taken = input.take(out, at, room)
          if (taken > 0) out[at] = 0x30 + pulls++
          ;(this as { ended: boolean }).ended = input.ended && input.available === 0
          return taken
        },
      }))
      return PASS
    },
  }))
  const split = await exploreFilter({
    filters: { filter: dependsOnSplits },
    respond: () => ({ body: 'letters' }),
  })
  t.match(split.flatMap(({ problems }) => problems).join('\n'), /X3: it makes a difference/)
  const waits = define(() => {
    const signal = new Signal('never', 'signal', ['UP'])
    return { request: (x) => x.waitFor(signal, 1, { within: 1_000 }) }
  })
  const late = await tryFilter({ filters: { filter: waits } })
  t.match([late.got[0].status, late.failures, late.problems], [504, ['own: it was late'], []])
  await t.rejects(
    tryFilter({ filters: { filter: box('bodyLimit'), options: { byts: 1 } } }),
    /bodyLimit\.byts unknown key; did you mean bytes\?/,
  )
})
