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
