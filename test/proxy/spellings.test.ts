// No spelling of a protected path gets past its route: each that a backend reads as `/admin` is taken by the route of
// `/admin`, or is refused.

import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { AMBIGUOUS, Router } from '../../src/proxy/index.js'
import { nginx } from '../../tools/testbed/nginx.js'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { requestOf, routeOf } from '../../tools/testbed/route-requests.js'
import { ADMIN_SPELLINGS, READERS, SPELLING_PARTS } from '../../tools/testbed/spellings.js'
import { seeded } from '../world/random.js'

const router = new Router([
  routeOf('admin', { path: { kind: 'prefix', value: '/admin' } }),
  routeOf('public'),
])
const getsPast = (target: string): boolean => router.find(requestOf({ target })) === 'public'
const isAdmin = (path: string): boolean => path === '/admin' || path.startsWith('/admin/')

/** Makes targets at random from the parts of spellings. The same seed makes the same ones. */
function randomTargets(count: number): string[] {
  const random = seeded(99)
  return Array.from({ length: count }, () => {
    const parts = Array.from({ length: 1 + random(8) }, () => SPELLING_PARTS[random(SPELLING_PARTS.length)])
    return `/${parts.join('')}`
  })
}

t.test('M11, M12: no listed spelling gets past the route of what it spells', async (t) => {
  for (const target of ADMIN_SPELLINGS) {
    t.notOk(getsPast(target), target)
    t.ok(
      Object.values(READERS).some((reads) => isAdmin(reads(target))),
      `${target}: some reader reads /admin`,
    )
  }
})

t.test('M11, M12: no random spelling gets past any reader', async (t) => {
  const found = new Map<string, number>()
  let open = 0
  for (const target of randomTargets(30_000)) {
    const past = getsPast(target)
    if (past) open++
    for (const [name, reads] of Object.entries(READERS)) {
      if (!isAdmin(reads(target))) continue
      found.set(name, (found.get(name) ?? 0) + 1)
      if (past) t.fail(`${name} reads ${reads(target)} in ${target}`)
    }
  }
  for (const name of Object.keys(READERS)) t.ok((found.get(name) ?? 0) > 50, `${name}: ${found.get(name)}`)
  t.ok(open > 2_000, `${open} pass`)
})

/** Returns what nginx answers to each target, over one connection after another. */
async function statuses(t: Test, port: number, targets: readonly string[]): Promise<number[]> {
  const all: number[] = []
  while (all.length < targets.length) {
    const rest = targets.slice(all.length, all.length + 500)
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      let received = ''
      socket.setEncoding('latin1')
      socket.on('data', (data) => {
        received += String(data)
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(received))
      const last = rest.length - 1
      const heads = rest.map(
        (each, at) => `GET ${each} HTTP/1.1\r\nhost: h\r\n${at === last ? 'connection: close\r\n' : ''}\r\n`,
      )
      socket.write(heads.join(''))
    })
    // After a bad request nginx closes: the next connection goes on behind it.
    const answers = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((match) => Number(match[1]))
    if (answers.length === 0) t.fail('no answer')
    if (answers.length === 0) break
    all.push(...answers)
  }
  return all
}

t.test(
  'M11, M12: nginx reads no path as /admin that gets past',
  { skip: unlessInstalled('nginx') },
  async (t) => {
    const server =
      'location = /admin { return 401; } location ^~ /admin/ { return 401; } location / { return 200; }'
    const port = await nginx(t, { server })
    const targets = [...ADMIN_SPELLINGS.filter((each) => each.startsWith('/')), ...randomTargets(3_000)]
    const answers = await statuses(t, port, targets)
    let admin = 0
    for (const [at, target] of targets.entries()) {
      if (answers[at] !== 401) continue
      admin++
      if (getsPast(target)) t.fail(target)
    }
    t.ok(admin > 100, `${admin} of ${targets.length} are /admin to nginx`)
    t.equal(router.find(requestOf({ target: '/x/../admin' })), AMBIGUOUS)
  },
)
