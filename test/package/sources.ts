// Programs of a user who has installed the package: compiled and run in a folder of their own, against the
// packed tarball.

/**
 * A proxy of one call before two origins: requests pass, routes are replaced, a wrong one changes nothing,
 * all ends.
 */
export const SMALL_PROXY = `
import { once } from 'node:events'
import { createServer as createOrigin, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigError, createServer, type ExchangeReport, ServerError } from 'fermata-proxy'

const origin = async (text: string) => {
  const server = createOrigin((_request, response) => void response.end(text)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: \`http://127.0.0.1:\${(server.address() as AddressInfo).port}\` }
}
const [first, second] = await Promise.all([origin('first'), origin('second')])

const proxy = createServer({ listen: '127.0.0.1:0', backend: first.url, limits: { http1: { drainIdleMs: 1 } } })
const reports: ExchangeReport[] = []
const order: string[] = []
proxy.on('exchange', (report) => reports.push(report))
proxy.on('listening', () => order.push('listening'))
proxy.on('draining', () => order.push('draining'))
proxy.on('close', () => order.push('close'))
const [address] = await proxy.listen()
const ask = (path: string) =>
  new Promise<string>((resolve, reject) => {
    get({ port: address?.port, host: '127.0.0.1', path, agent: false }, (response) => {
      let text = \`\${response.statusCode} \`
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => resolve(text))
    }).on('error', reject)
  })
const said = [await ask('/')]
try {
  await proxy.apply({ backend: 'gopher://127.0.0.1:1' })
} catch (error) {
  said.push(String(error instanceof ConfigError))
}
said.push(await ask('/same'))
await proxy.apply({ routes: { '/new': second.url }, backend: first.url })
said.push(await ask('/new'), await ask('/old'))

const busy = createServer({ listen: [\`127.0.0.1:\${address?.port}\`], backend: first.url })
await busy.listen().catch((error: unknown) => said.push(error instanceof ServerError ? error.code : 'other'))
await busy.close()

await proxy.close(1_000)
first.server.close()
second.server.close()
process.stdout.write(JSON.stringify({ said, order, reports: reports.map(({ path, backend, outcome }) => [path, backend === second.url, outcome]) }))
`

/** Each export, by name, and one of CommonJS. */
export const EVERY_EXPORT = (names: readonly string[]): string =>
  names
    .map(
      (name, at) =>
        `import * as e${at} from '${name}'\nprocess.stdout.write(\`\${Object.keys(e${at}).length > 0} \`)\n`,
    )
    .join('')

export const REQUIRED = `
const { createServer } = require('fermata-proxy')
const { Continuation } = require('fermata-proxy/continuation')
process.stdout.write(typeof createServer + ' ' + typeof Continuation)
`

/** A filter of a stranger, in TypeScript, and its test. */
export const FILTER = `
import { asyncFilter, defineFilter, type Filter, PASS, z } from 'fermata-proxy/filter'
import { exploreFilter, type FilterRun, tryFilter } from 'fermata-proxy/testing'

const marks = defineFilter({
  name: 'marks',
  description: 'Marks requests.',
  options: (types) => z.strictObject({ field: z.string(), after: types.duration('A time.').optional() }),
  create: ({ field, after = 0 }): Filter<{ paused: boolean }> => ({
    begin: () => ({ paused: after === 0 }),
    request(x, s) {
      if (!s.paused) {
        s.paused = true
        return x.pause(after)
      }
      x.fields.set(field, x.request.path)
      return PASS
    },
  }),
})

const asks = defineFilter({
  name: 'asks',
  description: 'Asks a promise.',
  options: z.strictObject({}),
  create: (_options, context) =>
    asyncFilter(context, {
      async request({ fields }) {
        return fields['x-bad'] === undefined ? { set: { 'x-good': '1' } } : { refuse: { status: 418 } }
      },
    }),
})

const test = {
  filters: [{ filter: marks, options: { field: 'x-mark', after: '10ms' } }, { filter: asks }],
  requests: [{ target: '/a' }, { target: '/b', fields: [['x-bad', '1']] }],
  respond: () => ({ body: 'hello' }),
} as const
const plain: FilterRun = await tryFilter(test)
const runs = await exploreFilter(test, { splitsMax: 5 })
console.log(
  JSON.stringify({
    got: plain.got.map(({ status, body }) => [status, body.slice(0, 5)]),
    asked: plain.asked.map(({ fields }) => fields.filter(([name]) => name === 'x-mark' || name === 'x-good')),
    problems: runs.flatMap(({ problems }) => problems),
    ways: runs.length > 10,
  }),
)
`
