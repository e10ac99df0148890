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

/**
 * The room of Redis, compiled in the folder of its user, on the rooms of the package: two clients' commands go
 * over one connection to a server of a few words.
 */
export const OWN_REDIS = `
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { createWorld } from 'fermata-proxy/continuation'
import { NodePollset } from 'fermata-proxy/pollset'
import { RedisProxy as PackagedProxy } from 'fermata-proxy/redis'
import { createTransportWorld } from 'fermata-proxy/transport'
import { RedisBackend, RedisProxy, redisLimits } from './redis/index.js'

let connections = 0
const values = new Map<string, string>()
const bulk = (value: string | undefined) => value === undefined ? '$-1\\r\\n' : \`$\${value.length}\\r\\n\${value}\\r\\n\`
const server = createServer((socket) => {
  connections++
  socket.setEncoding('latin1').on('error', () => {}).on('data', (text: string) => {
    const words = text.split('\\r\\n')
    for (let at = 0; at + 1 < words.length; ) {
      const count = Number(words[at]?.slice(1))
      const [name, key = '', ...rest] = Array.from({ length: count }, (_, word) => words[at + 2 + 2 * word] ?? '')
      at += 1 + 2 * count
      if (name === 'SET') values.set(key, rest[0] ?? '')
      socket.write(name === 'SET' ? '+OK\\r\\n' : name === 'GET' ? bulk(values.get(key)) : \`*2\\r\\n\${bulk(values.get(key))}$-1\\r\\n\`)
    }
  })
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }

const pollset = new NodePollset()
const world = { ...createTransportWorld(createWorld(pollset)), redisLimits }
const backend = new RedisBackend(world, { name: 'main', shards: [{ endpoints: [{ name: 'only', target }] }], check: null })
const proxy = new RedisProxy(world, { backend, share: 'auto', allowAdmin: false })
const port = await new Promise<number>((resolve) => {
  proxy.listen({ host: '127.0.0.1', port: 0 }, null, { ready: ({ listener }) => resolve(listener.address.port) })
})
const ask = async (words: string, length: number) => {
  const client = connect(port, '127.0.0.1').setEncoding('latin1')
  client.write(words.split('; ').map((each) => \`\${each}\\r\\n\`).join(''))
  let heard = ''
  for await (const text of client) if ((heard += text).length >= length) break
  return heard
}
const replies = (await ask('SET greeting hello; GET greeting', 16)) + (await ask('MGET greeting nothing', 20))
proxy.drain(() => {
  server.close()
  pollset.close()
  process.stdout.write(JSON.stringify({ replies, connections, hasOwnRoom: RedisProxy !== (PackagedProxy as unknown) }))
})
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
