// The built program before a cluster of three servers.

import type { Test } from 'tap'
import { freePort, start } from '../../tools/testbed/programs.js'
import { type RedisCluster, startCluster } from '../../tools/testbed/redis-cluster.js'
import { root } from '../house/source-rules.js'

/** Starts both. They end with the test. */
export async function beginCluster(
  t: Test,
): Promise<{ readonly cluster: RedisCluster; readonly port: number }> {
  const cluster = await startCluster(t.testdir())
  const port = await freePort()
  const seed = `127.0.0.1:${cluster.nodes[0].port}`
  const args = ['dist/src/main.js', 'redis', '--listen', `127.0.0.1:${port}`, '--cluster', seed]
  const proxy = await start(process.execPath, args, { port, cwd: root, readyTimeoutMs: 60_000 })
  t.teardown(async () => {
    await proxy.stop()
    await cluster.stop()
  })
  return { cluster, port }
}
