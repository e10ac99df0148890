// A real name server, dnsmasq: endpoints follow its answers while requests run, and stay when it fails.

import { writeFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { userInfo } from 'node:os'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import type { DiscoveryConfig } from '../../src/config/index.js'
import { Server } from '../../src/server/server.js'
import { configurationOf } from '../../src/server/short-form.js'
import { freePort, type Program, start, unlessInstalled } from '../../tools/testbed/programs.js'

const skip = unlessInstalled('dnsmasq')

/** Servers that answer with their own address, on one port of several addresses of this host. */
async function endpoints(t: Test, hosts: readonly string[]): Promise<number> {
  let port = 0
  for (const host of hosts) {
    const server: HttpServer = createServer((_, response) => void response.end(host))
    await new Promise<void>((resolve, reject) => server.on('error', reject).listen(port, host, resolve))
    port = (server.address() as AddressInfo).port
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
  }
  return port
}

interface Named {
  readonly program: Program
  readonly at: string
  /** Sets what the names of `shop.internal` and others are, in the form of /etc/hosts. */
  say(hosts: string): void
}

/** dnsmasq, which knows these hosts and has these further options. Its answers hold for no time. */
async function nameServer(t: Test, hosts: string, ...options: string[]): Promise<Named> {
  const port = await freePort()
  const file = `${t.testdir({ hosts })}/hosts`
  const args = [
    '--keep-in-foreground',
    '--log-facility=-',
    '--conf-file=/dev/null',
    '--pid-file=',
    `--user=${userInfo().username}`,
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--listen-address=127.0.0.1',
    `--port=${port}`,
    '--local=/internal/shop/',
    `--addn-hosts=${file}`,
    ...options,
  ]
  const program = await start('dnsmasq', args, { port })
  t.teardown(() => {
    program.signal('SIGCONT')
    return program.stop()
  })
  const say = (text: string): void => {
    writeFileSync(file, text)
    program.signal('SIGHUP')
  }
  return { program, at: `127.0.0.1:${port}`, say }
}

/** Fermata before a backend that is found so, and a client that asks again and again. */
async function proxy(t: Test, { at }: Named, discovery: Partial<DiscoveryConfig>) {
  const url = 'http://shop'
  const plain = configurationOf({
    listen: [{ host: '127.0.0.1', port: 0 }],
    routes: [{ host: '', prefix: '/', url }],
    limits: { proxy: { discoveryTimeoutMs: 300 } },
  })
  const lines: string[] = []
  const server = new Server({
    log: (line) => lines.push(line),
    configuration: {
      ...plain,
      backends: plain.backends.map((each) => ({
        ...each,
        endpoints: [],
        discovery: { kind: 'dns', name: 'shop.internal', port: 0, leastMs: 50, mostMs: 1_000, ...discovery },
      })),
      resolver: { servers: [at], search: ['internal'] },
    },
  })
  const listening = new Promise<number>((resolve) =>
    server.on('listening', (address) => resolve(address.port)),
  )
  server.begin()
  const origin = `http://127.0.0.1:${await listening}`
  const dispatcher = new Agent({ connections: 4 })
  const stopped = new Promise((resolve) => server.on('stopped', () => resolve(null)))
  t.teardown(async () => {
    await dispatcher.close()
    server.command('drain')
    await stopped
  })
  const get = async (): Promise<string> => {
    const { statusCode, body } = await request(origin, { dispatcher })
    const text = await body.text()
    return statusCode === 200 ? text : `${statusCode}`
  }
  const answers: string[] = []
  /** Sends requests without a pause until the last 20 answers are these. */
  const until = async (...hosts: string[]): Promise<void> => {
    const wanted = [...hosts].sort().join()
    for (;;) {
      answers.push(await get())
      if ([...new Set(answers.slice(-20))].sort().join() === wanted && answers.length >= 20) return
    }
  }
  const told = async (pattern: RegExp): Promise<void> => {
    while (!lines.some((each) => pattern.test(each))) answers.push(await get())
  }
  return { get, until, told, answers, lines, server }
}

const ALL = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

t.test('D1, D2, D9: the endpoints follow the answers while requests run; none fails', { skip }, async (t) => {
  const port = await endpoints(t, ALL)
  const names = await nameServer(t, '127.0.0.1 shop.internal\n')
  const { until, answers } = await proxy(t, names, { port })
  await until('127.0.0.1')
  names.say('127.0.0.2 shop.internal\n127.0.0.3 shop.internal\n')
  await until('127.0.0.2', '127.0.0.3')
  names.say('127.0.0.3 shop.internal\n')
  await until('127.0.0.3')
  t.strictSame([...new Set(answers)].sort(), ALL)
})

t.test('D3: no such name, then silence: the last endpoints stay', { skip }, async (t) => {
  const port = await endpoints(t, ALL)
  const names = await nameServer(t, '127.0.0.1 shop.internal\n')
  const { until, told, answers, lines } = await proxy(t, names, { name: 'shop', port })
  await until('127.0.0.1')
  names.say('')
  await told(/shop is not found, its endpoints stay as they are: ENOTFOUND \(DNS does not know the name\)/)
  names.say('127.0.0.2 shop.internal\n')
  await told(/shop is found again/)
  await until('127.0.0.2')
  names.program.signal('SIGSTOP')
  await told(/shop is not found, its endpoints stay as they are: no answer within/)
  await until('127.0.0.2')
  names.program.signal('SIGCONT')
  names.say('127.0.0.3 shop.internal\n')
  await until('127.0.0.3')
  t.strictSame([...new Set(answers)].sort(), ALL, 'no request has failed')
  // On a busy machine a query may be late once more: that is another outage, which ends too.
  const outages = lines.flatMap((each) => /is (not found|found again)/.exec(each)?.[1] ?? [])
  t.ok(outages.length >= 3)
  t.strictSame(
    outages,
    outages.map((_, at) => (at % 2 === 0 ? 'not found' : 'found again')),
    'each is told once',
  )
})

t.test('D5, D6: SRV: the lowest priority that has an address, with its weights', { skip }, async (t) => {
  const port = await endpoints(t, ALL)
  const names = await nameServer(
    t,
    '127.0.0.1 one.internal\n127.0.0.2 two.internal\n127.0.0.3 three.internal\n',
    `--srv-host=_http._tcp.internal,one.internal,${port},1,30`,
    `--srv-host=_http._tcp.internal,two.internal,${port},1,10`,
    `--srv-host=_http._tcp.internal,three.internal,${port},2,10`,
  )
  const { until, answers, server } = await proxy(t, names, { kind: 'srv', name: '_http._tcp.internal' })
  await until('127.0.0.1', '127.0.0.2')
  const [backend] = server.proxy.backends
  t.strictSame(
    backend.endpoints.map(({ name, member }) => [name, member.weight]),
    [
      [`http://127.0.0.1:${port}`, 30],
      [`http://127.0.0.2:${port}`, 10],
    ],
  )
  names.say('127.0.0.3 three.internal\n')
  await until('127.0.0.3')
  t.strictSame([...new Set(answers)].sort(), ALL)
})

t.test('D9: requests that come before the first answer wait for it', { skip }, async (t) => {
  const port = await endpoints(t, ALL.slice(0, 1))
  const names = await nameServer(t, '127.0.0.1 shop.internal\n')
  names.program.signal('SIGSTOP')
  const { get } = await proxy(t, names, { port })
  const waiting = [get(), get(), get()]
  names.program.signal('SIGCONT')
  t.strictSame(await Promise.all(waiting), ['127.0.0.1', '127.0.0.1', '127.0.0.1'])
})

t.test('a name that has only addresses of IPv6', { skip }, async (t) => {
  const port = await endpoints(t, ['::1'])
  const names = await nameServer(t, '::1 shop.internal\n')
  const { get } = await proxy(t, names, { port })
  t.equal(await get(), '::1')
})
