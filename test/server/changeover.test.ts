// The change to another configuration: what is wrong in each of its steps, and what is given up in each.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Configuration, ModuleOptions } from '../../src/config/index.js'
import type { Continuation } from '../../src/continuation/index.js'
import { type Changeover, changeoverLife } from '../../src/server/changeover.js'
import type { Server } from '../../src/server/server.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { declared, Seen } from '../world/seen.js'
import { soon } from '../world/soon.js'

/** Cancels the change when it comes to a step, or as soon as its listeners are bound. */
class Cancelling extends Seen {
  at = ''
  whenBound = false
  private changeover: Changeover | null = null

  override transition(...[c, at, out]: Parameters<Seen['transition']>): void {
    super.transition(c, at, out)
    if (c.kind === 'changeover') {
      this.changeover = c as Changeover
      if (c.program.names[at] === this.at) c.cancel()
    } else if (this.whenBound && this.changeover?.bound) this.changeover.cancel()
  }
}

const seen = new Cancelling()

const BACKENDS = Array.from(
  { length: 150 },
  (_, at) => `  b${at}: { protocol: http, endpoints: ["127.0.0.1:1"] }`,
)

/** They take nothing: the first is as exact, and comes first. */
const ROUTES = Array.from(
  { length: 250 },
  (_, at) => `  - { name: r${at}, match: { hosts: [h${at}.test] }, backend: b0 }`,
)

async function serve(t: Test): Promise<{ server: Server; configuration: Configuration; port: number }> {
  const { server, portOf } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
backends:
${BACKENDS.join('\n')}
routes:
  - { name: old, answer: { status: 201 } }
${ROUTES.join('\n')}
`,
  )
  server.world.scheduler.tracer = seen
  return { server, configuration: server.configuration, port: portOf() }
}

const applied = (server: Server, to: Configuration): Promise<Error | null> =>
  new Promise((resolve) => server.apply(to, resolve))

const statusOf = async (port: number, host = '127.0.0.1') => (await fetch(`http://${host}:${port}/`)).status

t.test('what is right serves; what is wrong, in any step, changes nothing', async (t) => {
  const { server, configuration, port } = await serve(t)
  const [route] = configuration.routes
  const answering = (status: number) =>
    [{ ...route, action: { ...route.action, status } }] as typeof configuration.routes
  t.equal(await applied(server, { ...configuration, routes: answering(202) }), null)
  t.equal(await statusOf(port), 202)

  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => void other.close())
  const taken = (other.address() as AddressInfo).port
  const [listener] = configuration.listeners
  const tls = {
    certificates: [{ name: 'c', source: listener.source, cert: 'x', key: 'y' }],
    clientCa: null,
    clientCertificate: 'none',
  } as const
  const [backend] = configuration.backends
  const wrong: readonly (readonly [Partial<Configuration>, RegExp])[] = [
    [{ connect: ['x'] }, /not a pattern/],
    [{ listeners: [{ ...listener, tls }] }, /c: the certificate is not a PEM certificate/],
    [
      {
        backends: [
          ...configuration.backends,
          { ...backend, protocol: 'https', tls: { ...backend.tls, ca: 'x' } },
        ],
      },
      /authorities .* are not PEM/,
    ],
    [{ routes: [{ ...route, match: { ...route.match, hosts: ['*x'] } }] }, /route old: /],
    [
      { routes: [{ ...route, action: { kind: 'backend', to: [{ backend: 'none', weight: 1 }] } }] },
      /route old: there is no backend 'none'/,
    ],
    [
      { listeners: [listener, { ...listener, name: 'second', address: `127.0.0.1:${taken}` }] },
      /choose another in listeners\.second\.address \(EADDRINUSE\)/,
    ],
  ]
  for (const [change, message] of wrong) {
    t.match(await applied(server, { ...configuration, routes: answering(203), ...change }), { message })
    t.equal(await statusOf(port), 202, 'the old one serves')
  }
})

t.test('it gives up in each step, and its new listeners close', async (t) => {
  const { server, configuration, port } = await serve(t)
  const [listener] = configuration.listeners
  const listeners = [listener, { ...listener, name: 'second', address: `127.0.0.2:${port}` }]
  for (const step of ['listeners', 'backends', 'routes', 'router', 'bind']) {
    seen.at = step
    const { current } = (server as unknown as { served: { current: Configuration } }).served
    const wrong = await applied(server, { ...configuration, listeners })
    t.match(wrong, { message: 'a newer configuration came before it served' }, step)
    t.equal(server.configuration, current)
  }
  seen.at = ''
  // It is bound first, and closes then.
  while ((await statusOf(port, '127.0.0.2').catch(() => 0)) !== 0) await soon()
  t.equal(await applied(server, { ...configuration, listeners }), null)
  t.equal(await statusOf(port, '127.0.0.2'), 201)
})

t.test('cancelled when its listeners are bound, it closes them', async (t) => {
  const { server, configuration, port } = await serve(t)
  const [listener] = configuration.listeners
  const listeners = [listener, { ...listener, name: 'second', address: `127.0.0.2:${port}` }]
  const bound = () => [...server.world.scheduler.alive()].filter((each) => each.kind === 'listener').length
  t.equal(bound(), 1)
  seen.whenBound = true
  t.match(await applied(server, { ...configuration, listeners }), {
    message: 'a newer configuration came before it served',
  })
  seen.whenBound = false
  t.equal(server.configuration, configuration)
  for (let turns = 0; turns < 10 && bound() > 1; turns++) await new Promise(setImmediate)
  t.equal(bound(), 1, 'only the listener of before is left')
  t.equal(await applied(server, { ...configuration, listeners }), null, 'the address is free again')
})

t.test('it waits for others when it is ready, and gives up or commits then', async (t) => {
  const { server, configuration, port } = await serve(t)
  const [route] = configuration.routes
  const next = {
    ...configuration,
    routes: [{ ...route, action: { ...route.action, status: 202 } }],
  } as Configuration
  let wrong: Error | null | undefined
  const prepared = (): Promise<() => void> =>
    new Promise((resolve) =>
      server.apply(
        next,
        (told) => {
          wrong = told
        },
        undefined,
        resolve,
      ),
    )
  await prepared()
  t.equal(await statusOf(port), 201, 'it does not serve yet')
  server.served.abandon()
  while (wrong === undefined) await soon()
  t.match(wrong, { message: /newer configuration/ })
  const commit = await prepared()
  commit()
  while (wrong !== null) await soon()
  t.equal(await statusOf(port), 202)
})

t.test('no piece is made in the turn of another', async (t) => {
  const { server, configuration } = await serve(t)
  const turns: number[] = []
  const { pollset } = server.world
  server.world.scheduler.tracer = {
    transition(c: Continuation) {
      if (c.kind === 'changeover') turns.push(pollset.turns)
    },
  }
  t.equal(await applied(server, configuration), null)
  t.equal(turns.length, 9, 'listeners, backends twice, routes twice, router, bind, agree, commit')
  t.equal(new Set(turns).size, 8, 'the last two in one turn')
})

t.test('K23: modules are loaded first; one that is late is refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-changeover-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const { server, configuration } = await serve(t)
  const withModule = (text: string): Configuration => {
    const file = join(folder, 'filter.js')
    writeFileSync(file, text)
    const options: ModuleOptions = {
      file,
      written: file,
      version: String(text.length),
      options: {},
      onFailure: null,
      path: [],
      places: {},
      folder,
    }
    const source = { file: 'f.yaml', line: 1, column: 1 }
    const filter = { name: 'f', kind: 'module', identity: 'f', options, onFailure: 'refuse', source } as const
    const [first, ...others] = configuration.routes
    return { ...configuration, routes: [{ ...first, filters: [filter] }, ...others] }
  }
  const good = `export default ({ defineFilter, z, PASS }) => defineFilter({
    name: 'f', description: 'F.', options: z.strictObject({}), create: () => ({ request: () => PASS }) })`
  t.equal(await applied(server, withModule(good)), null)
  seen.at = 'load'
  const gaveUp = applied(server, withModule(`${good} // changed`))
  t.match(await gaveUp, /a newer configuration came/)
  seen.at = ''
  const late = applied(server, withModule(`await new Promise(() => {})\n${good}`))
  const { scheduler } = server.world
  const loading = () => [...scheduler.alive()].find((each) => each.kind === 'changeover' && each.suspended)
  while (loading() === undefined) await soon()
  t.equal(scheduler.makeLate(loading() as Continuation), null)
  t.match(await late, /cannot be loaded: Error: it was not loaded within 10 s/)
})

t.test('the edges seen are the edges declared', (t) => {
  const { edges } = changeoverLife
  t.strictSame(seen.taken(edges), declared(edges))
  t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges), 'and every wait ended in every way')
  t.end()
})
