// A cluster of three servers, whose slots move from one to another while clients write and read.

import t from 'tap'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { redisCli } from '../../tools/testbed/redis.js'
import { loadCluster } from '../../tools/testbed/redis-load.js'
import { beginCluster } from './behind-cluster.js'

const skip = unlessInstalled('redis-server', 'redis-cli')
const CLIENTS = 6
const SLOTS_MOVED = 60

t.test('Y27, Y29: slots move under load, and no client sees it', { skip }, async (t) => {
  const { cluster, port } = await beginCluster(t)
  const before = [0, 1, 2].map((node) => cluster.slotsOf(node))
  const moving = (async () => {
    for (const node of [0, 1, 2]) await cluster.move(SLOTS_MOVED, node, (node + 2) % 3)
  })()
  const { commands, wrong } = await loadCluster(port, CLIENTS, moving)
  t.strictSame(wrong, [])
  t.comment(`${commands} commands of ${CLIENTS} clients while ${3 * SLOTS_MOVED} slots moved`)
  t.ok(commands > 100)
  const after = [0, 1, 2].map((node) => cluster.slotsOf(node))
  t.equal(
    after.reduce((sum, each) => sum + each, 0),
    before.reduce((sum, each) => sum + each, 0),
  )
  const errors = cluster.nodes.map((each) => redisCli(each.port, 'INFO', 'errorstats')).join('')
  t.match(errors, /errorstat_MOVED/, 'the servers have told that keys had moved')
  const sizes = cluster.nodes.map((each) => Number(redisCli(each.port, 'DBSIZE')))
  t.equal(
    Number(redisCli(port, 'DBSIZE')),
    sizes.reduce((sum, each) => sum + each, 0),
  )
})
