// Networks that are slow or gone, in namespaces of their own: Fermata in one, its backend or its client in the other, and a link
// between them (spec/engine.md, E41 to E43; spec/output.md, O25). The limits are scaled down.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findProgram, type Program, start } from '../../tools/testbed/programs.js'

t.jobs = 3

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const peer = join(import.meta.dirname, 'namespace-peer.js')
const FRONT = '10.77.0.1'
const BACK = '10.77.0.2'

const ip = (...args: readonly string[]) => execFileSync('ip', args, { stdio: 'pipe' })

/**
 * The reason why namespaces cannot be made here; false if they can. They need a privilege, and the iproute2
 * package.
 */
function unlessPossible(): string | false {
  if (findProgram('ip') === null) return 'ip is not installed'
  const name = `fermata-probe-${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return false
  } catch {
    return 'network namespaces cannot be made'
  }
}
const skip = unlessPossible()

let made = 0

/** Two namespaces, a link between them, and small buffers in their kernels. */
function link(t: Test) {
  made++
  const [front, back] = [`fermata-f${process.pid}-${made}`, `fermata-b${process.pid}-${made}`]
  for (const name of [front, back]) {
    ip('netns', 'add', name)
    t.teardown(() => ip('netns', 'del', name))
    ip('-n', name, 'link', 'set', 'lo', 'up')
    for (const buffer of ['tcp_wmem', 'tcp_rmem']) {
      const set = `echo 4096 16384 65536 >/proc/sys/net/ipv4/${buffer}`
      ip('netns', 'exec', name, 'sh', '-c', set)
    }
  }
  ip('-n', front, 'link', 'add', 'f0', 'type', 'veth', 'peer', 'name', 'b0', 'netns', back)
  ip('-n', front, 'addr', 'add', `${FRONT}/24`, 'dev', 'f0')
  ip('-n', back, 'addr', 'add', `${BACK}/24`, 'dev', 'b0')
  ip('-n', front, 'link', 'set', 'f0', 'up')
  ip('-n', back, 'link', 'set', 'b0', 'up')
  return {
    inFront: (...args: readonly string[]) => ['netns', 'exec', front, process.execPath, ...args],
    inBack: (...args: readonly string[]) => ['netns', 'exec', back, process.execPath, ...args],
    down: () => ip('-n', back, 'link', 'set', 'b0', 'down'),
  }
}

/** Runs a program in a namespace; it ends with the test. */
async function begin(t: Test, args: readonly string[], line: RegExp): Promise<Program> {
  const program = await start('ip', args, { line })
  t.teardown(() => program.kill())
  return program
}

/** A backend in one namespace, Fermata in the other. */
async function setting(t: Test, ...limits: readonly string[]) {
  const net = link(t)
  const backend = await begin(t, net.inBack(peer, 'serve', BACK, '8001'), /serving/)
  const options = ['--listen', `${FRONT}:8000`, '--backend', `h2c://${BACK}:8001`]
  const bounds = limits.flatMap((limit) => ['--limit', limit])
  await begin(t, net.inFront(main, 'serve', ...options, ...bounds), /goes to/)
  return { ...net, backend, url: `http://${FRONT}:8000` }
}

/** Clocks that must not be what ends it. */
const LONG = ['proxy.bodyTimeoutMs=10m', 'proxy.headTimeoutMs=10m']

t.test('a backend that is gone in a silence: TCP asks, and the stream is reset', { skip }, async (t) => {
  const limits = [...LONG, 'http2.pingAfterMs=10m', 'pollset.backendTcpKeepAliveMs=1s']
  const { inFront, down, url } = await setting(t, ...limits)
  const client = await begin(t, inFront(peer, 'quiet', url), /data/)
  t.match(client.stdout, /status 200/)
  down()
  await client.until('the stream has closed', () => /closed/.test(client.stdout), 30_000)
  t.notMatch(client.stdout, /closed 0/, 'with an error')
})

t.test('a backend that is gone in the midst of an upload is found', { skip }, async (t) => {
  const limits = [
    ...LONG,
    'http2.pingAfterMs=200',
    'http2.backendPingTimeoutMs=500',
    'http2.slowestBytesPerSecond=1000000',
  ]
  const { inFront, down, backend, url } = await setting(t, ...limits)
  const client = await begin(t, inFront(peer, 'upload', url), /^/)
  await backend.until('a million bytes', () => /a million taken/.test(backend.stdout))
  down()
  await client.until('the stream has closed', () => /closed/.test(client.stdout), 30_000)
  t.match(client.stdout, /status 502/)
})

t.test('a slow reader behind small buffers gets its last response whole', { skip }, async (t) => {
  const { inBack } = await setting(t)
  const client = await begin(t, inBack(peer, 'read', FRONT, '8000', '600000'), /content/)
  t.equal(client.stdout.trim(), 'content 600000')
})
