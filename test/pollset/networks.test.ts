// Sets of networks, compared with Node's own.

import { BlockList, isIP } from 'node:net'
import t from 'tap'
import { Networks } from '../../src/pollset/index.js'
import { seeded } from '../world/random.js'

const SEEDS = 300

t.test('a set of networks has the addresses that one of BlockList has', async (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const below = seeded(seed)
    const group = (): string => (below(3) === 0 ? below(65_536) : 0).toString(16)
    // The first octets are few, so that networks overlap and have some of the addresses.
    const four = (): string => [below(3) === 0 ? below(256) : 10, below(4), below(4), below(256)].join('.')
    const six = (): string =>
      [
        `::ffff:${four()}`,
        `0:0:0:0:0:ffff:${group()}:${group()}`,
        `::${group()}`,
        `${group()}::${group()}:${group()}`,
        `2001:db8::${group()}`,
        Array.from({ length: 8 }, group).join(':'),
      ][below(6)]
    const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6')
    const networks = Array.from({ length: 1 + below(6) }, () =>
      below(2) === 0 ? ([four(), below(33)] as const) : ([six(), below(129)] as const),
    )
    const nodes = new BlockList()
    for (const [address, bits] of networks) nodes.addSubnet(address, bits, family(address))
    const ours = new Networks(networks.map((each) => each.join('/')))
    for (let i = 0; i < 30; i++) {
      const host = below(2) === 0 ? four() : six()
      if (ours.has(host) !== nodes.check(host, family(host)))
        t.fail(`seed ${seed}: ${host} in ${networks.map((each) => each.join('/')).join(' ')}`)
    }
  }
  t.pass(`${SEEDS} sets`)
})

t.test('a text that is not an address is in no network, and no network', async (t) => {
  const all = new Networks(['0.0.0.0/0', '::/0'])
  t.ok(all.has('192.0.2.1'))
  t.ok(all.has('2001:db8::1'))
  for (const text of [
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.04',
    '1.2.3.256',
    '1..3.4',
    '.1.2.3',
    '1.2.3.4.',
    '1.2.3.-4',
  ]) {
    t.notOk(all.has(text), text)
    t.throws(() => new Networks([text]), RangeError, text)
  }
  for (const text of ['fe80::1%eth0', ':', ':::', '1:2', '::g', 'localhost', '1.2.3.4 '])
    t.notOk(all.has(text), text)
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', 'fe80::1%1/64'])
    t.throws(() => new Networks([text]), RangeError, text)
  t.notOk(all.has(''), 'a peer on a Unix-domain socket')
  t.ok(new Networks(['unix']).has(''))
  t.notOk(new Networks(['unix']).has('127.0.0.1'))
})
