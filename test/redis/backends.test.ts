// The servers of a backend on the simulated network: checks by PING, the choice, and what a reload takes
// away.

import t from 'tap'
import type { SimPeerSocket } from '../../src/pollset/index.js'
import { questionLife, RedisBackend } from '../../src/redis/index.js'
import { declared, Seen } from '../world/seen.js'
import { over, Peer, sent, setUp } from './sim-redis.js'

const seen = new Seen()
const OTHER = { host: '192.0.2.10', port: 6379 }
const CHECK = { intervalMs: 1_000, timeoutMs: 500, healthy: 2, unhealthy: 2 }
const PING = sent('PING')

/** Two servers; each answers checks as it is told, and keeps the rest. */
function twoServers(t: { readonly name: string }, check: typeof CHECK | null = CHECK) {
  const it = setUp({ seen })
  const words = { first: '+PONG\r\n', other: '+PONG\r\n' }
  const peers: { readonly first: Peer[]; readonly other: Peer[] } = { first: [], other: [] }
  const serve = (name: 'first' | 'other') => (far: SimPeerSocket) => {
    const peer: Peer = new Peer(far, () => {
      if (peer.text !== PING) return
      peer.take()
      if (words[name] === 'close') far.end()
      else peer.say(words[name])
    })
    peers[name].push(peer)
  }
  const at = { first: { host: '192.0.2.20', port: 1 }, other: OTHER }
  it.pollset.serve(at.first, serve('first'))
  it.pollset.serve(at.other, serve('other'))
  const told: string[] = []
  const endpoints = [
    { name: 'first', target: at.first },
    { name: 'other', target: at.other },
  ]
  const backend = new RedisBackend(
    it.world,
    { name: t.name, shards: [{ endpoints }], check },
    {
      unreached: () => {},
      checked: (endpoint, passed, why) => told.push(`${endpoint} ${passed} ${why}`),
      health: (_backend, endpoint, isUp) => told.push(`${endpoint} is ${isUp ? 'up' : 'down'}`),
    },
  )
  it.proxy.configure({ ...it.proxy.options, backend })
  const pass = (ms: number) => {
    const until = it.pollset.now + ms
    it.pollset.runUntil(() => it.pollset.now >= until, ms)
  }
  /** Returns the commands that the sessions of clients at this server have received. */
  const asked = (name: 'first' | 'other') => peers[name].map((each) => each.text).join('')
  const end = (): void => {
    backend.close()
    over(t as Parameters<typeof over>[0], it)
  }
  return { ...it, backend, endpoints, words, peers, told, pass, asked, end }
}

t.test('Y20, Y21: clients use the first server that answers its checks', async (t) => {
  const it = twoServers(t)
  it.pass(100)
  t.strictSame(it.told, ['first true it answers', 'other true it answers'])
  const one = it.client(sent('SET a 1'))
  t.equal(it.asked('first'), sent('SET a 1'))
  it.words.first = '-LOADING Redis is loading the dataset in memory\r\n'
  it.pass(2_500)
  t.ok(it.told.includes('first is down'))
  t.ok(it.told.some((each) => each.startsWith('first false it answers -LOADING')))
  it.say(one, sent('GET a', 'GET b'))
  t.equal(it.asked('other'), '', 'a command at the first is not answered: the next ones wait (S8)')
  const session = it.peers.first.find((each) => each.text !== '') as Peer
  session.take()
  session.say('+OK\r\n')
  it.settle()
  t.equal(it.asked('other'), sent('GET a', 'GET b'), 'then both go to the other, in order')
  const there = it.peers.other.find((each) => each.text !== '') as Peer
  there.take()
  there.say('+A\r\n+B\r\n')
  it.settle()
  t.equal(one.take(), '+OK\r\n+A\r\n+B\r\n')
  it.words.first = '-NOAUTH Authentication required.\r\n'
  it.pass(2_500)
  t.ok(it.told.includes('first is up'), 'a server that asks for a password serves')
  it.say(one, sent('GET c'))
  t.equal(it.asked('first'), sent('GET c'))
  it.peers.first.find((each) => each.text !== '')?.say('+C\r\n')
  it.settle()
  it.end()
})

t.test('Y21: with no server up, commands are refused at once, unless a session serves on', async (t) => {
  const it = twoServers(t)
  const one = it.client(sent('GET a'))
  const session = it.peers.first.find((each) => each.text !== '') as Peer
  session.take()
  session.say('+A\r\n')
  it.words.first = 'close'
  it.words.other = ''
  it.pass(3_500)
  t.ok(it.told.includes('first is down') && it.told.includes('other is down'))
  t.ok(it.told.includes('first false the connection was closed'))
  t.ok(it.told.includes('other false no answer in time'))
  t.equal(one.take(), '+A\r\n')
  it.say(one, sent('GET b'))
  t.equal(session.take(), sent('GET b'), 'a session that is open serves on')
  session.say('+B\r\n')
  it.settle()
  t.equal(one.take(), '+B\r\n')
  const other = it.client(sent('SELECT 5', 'BLPOP q 0', 'GET a'))
  t.match(other.take(), /^-ERR backend-down [^\r]*\r\n-ERR backend-down /)
  t.equal(session.take(), sent('GET a'))
  session.say('+A\r\n')
  it.settle()
  it.end()
})

t.test('Y21: a server that cannot be reached is down; a check that runs is given up', async (t) => {
  const it = twoServers(t)
  it.backend.configure({
    name: 'x',
    shards: [{ endpoints: [{ name: 'none', target: { host: '192.0.2.77', port: 9 } }] }],
    check: CHECK,
  })
  it.pass(3_500)
  t.ok(it.told.includes('none is down'))
  it.words.other = ''
  it.backend.configure({ name: 'x', shards: [{ endpoints: it.endpoints }], check: CHECK })
  it.pass(10)
  it.end()
})

t.test('Y22: what a reload takes away serves what it has', async (t) => {
  const it = twoServers(t, null)
  const [busy, typed, relayed, idle] = [it.client(), it.client(), it.client(), it.client(sent('GET i'))]
  const [session] = it.peers.first
  session.take()
  session.say('+I\r\n')
  it.say(busy, sent('GET a'))
  it.say(typed, sent('MULTI'))
  it.say(relayed, sent('SUBSCRIBE c'))
  const [, multi, subscribed] = it.peers.first
  multi.say('+OK\r\n')
  it.settle()
  it.backend.configure({ name: 'x', shards: [{ endpoints: [it.endpoints[1]] }], check: null })
  it.say(busy, sent('GET b'))
  it.say(idle, sent('GET i'))
  t.equal(it.asked('other'), sent('GET i'), 'an idle client uses the other at once, and a busy one waits')
  session.say('+A\r\n')
  it.settle()
  t.equal(it.asked('other'), sent('GET i', 'GET b'))
  it.peers.other[0].say('+I\r\n+B\r\n')
  it.settle()
  t.strictSame([busy.take(), idle.take()], ['+A\r\n+B\r\n', '+I\r\n+I\r\n'])
  it.say(typed, sent('INCR a', 'EXEC'))
  t.equal(multi.take(), sent('MULTI', 'INCR a', 'EXEC'), 'the transaction ends where it began')
  multi.say('+QUEUED\r\n*1\r\n:1\r\n')
  it.settle()
  t.equal(typed.take(), '+OK\r\n+QUEUED\r\n*1\r\n:1\r\n')
  subscribed.say('*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n')
  it.settle()
  t.match(relayed.take(), /subscribe/)
  relayed.far.reset()
  it.settle()
  t.ok(subscribed.closed)
  it.pass(5_000)
  t.ok(session.ended, 'its last client has gone')
  it.end()
})

t.test('Y21: a check that does not connect in time, and one that is given up meanwhile', async (t) => {
  const it = setUp({ seen, faults: { hangPercent: 100 } })
  const told: string[] = []
  const only = { name: 'x', shards: [{ endpoints: [{ name: 'x', target: OTHER }] }], check: CHECK }
  const events = {
    unreached: () => {},
    checked: (_endpoint: string, _passed: boolean, why: string) => void told.push(why),
  }
  const backend = new RedisBackend(it.world, only, events)
  it.pollset.runUntil(() => told.length === 2, 5_000)
  t.strictSame(told, ['no answer in time', 'no answer in time'])
  it.pollset.runUntil(() => false, 600)
  backend.close()
  it.settle()
  over(t, it)
})

t.test('the edges of a check', async (t) => {
  t.strictSame(seen.taken(questionLife.edges), declared(questionLife.edges))
})
