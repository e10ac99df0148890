// A server with an admin listener, and what asks it, for the tests of both.

import { request as httpRequest } from 'node:http'
import type { Test } from 'tap'
import { readText } from '../../src/config/index.js'
import { type Address, formatAddress } from '../../src/pollset/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import type { DebugOptions } from '../../src/server/debugging.js'
import { Server } from '../../src/server/server.js'

export interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly type: string
  readonly cookie: string
  readonly body: string
}

export type At = { readonly socketPath: string } | { readonly host: string; readonly port: number }

export const ask = (
  at: At,
  path: string,
  { method = 'GET', headers = {}, body = '' }: Asked = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    httpRequest({ ...at, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: String(response.headers['content-type']),
          cookie: String(response.headers['set-cookie'] ?? ''),
          body: text,
        }),
      )
    })
      .on('error', reject)
      .end(body)
  })

/** Starts a server of this text, with `LISTEN`, `ADMIN` and `PROBES` at free ports. */
export async function serve(
  t: Test,
  text: string,
  debug?: DebugOptions,
  made: (server: Server) => void = () => {},
) {
  const { configuration, errors } = readText(text, 'x.yaml', limitTables())
  if (configuration === null) throw new Error(JSON.stringify(errors))
  const server = new Server({ configuration, ...(debug === undefined ? {} : { debug }) })
  made(server)
  const wanted = 1 + (configuration.admin === null ? 0 : 1) + (configuration.probes === null ? 0 : 1)
  const found: Record<string, Address> = {}
  await new Promise<void>((resolve, reject) => {
    const ready = (name: string) => (address: Address) => {
      found[name] = address
      if (Object.keys(found).length === wanted) resolve()
    }
    server.on('listening', ready('main'))
    server.on('administering', (address, what) => ready(what)(address))
    server.on('failed', (address, code) => reject(new Error(`${formatAddress(address)} ${code}`)))
    server.begin()
  })
  let stopped = false
  const end = new Promise<void>((resolve) =>
    server.on('stopped', () => {
      stopped = true
      resolve()
    }),
  )
  t.teardown(async () => {
    if (!stopped) server.command('drain')
    await end
  })
  const at = (name: string): At => {
    const { host, port, path } = found[name]
    return path === undefined ? { host, port } : { socketPath: path }
  }
  return { server, at, end }
}

export const text = (more: string, routes = 'routes: [{ name: all, answer: { status: 204 } }]'): string => `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
limits: { http1: { drainIdle: 1ms } }
${more}
${routes}
`
