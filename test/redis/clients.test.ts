// `fermata redis` before a redis-server of this machine, with clients that people use.

import { Redis } from 'ioredis'
import { createClient } from 'redis'
import t from 'tap'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { beginRedis, connections } from './plain-client.js'

const skip = unlessInstalled('redis-server', 'redis-cli')

t.test(
  'ioredis and node-redis as they are: pipelines, transactions, streams of messages',
  { skip },
  async (t) => {
    const { redis, port } = await beginRedis(t)
    const io = new Redis(port, '127.0.0.1')
    const node = createClient({ url: `redis://127.0.0.1:${port}` })
    await node.connect()
    t.equal(await io.set('a', '1'), 'OK')
    t.equal(await node.get('a'), '1')
    const many = await io.pipeline(Array.from({ length: 500 }, (_, n) => ['incrby', 'n', String(n)])).exec()
    t.equal(many?.at(-1)?.[1], (499 * 500) / 2)
    t.strictSame(await node.multi().incr('m').get('m').exec(), [1, '1'])
    t.strictSame(await io.multi().incr('m').get('m').exec(), [
      [null, 2],
      [null, '2'],
    ])
    await node.hSet('h', { x: '1', y: '2' })
    t.strictSame({ ...(await node.hGetAll('h')) }, { x: '1', y: '2' })
    t.strictSame(await io.hgetall('h'), { x: '1', y: '2' })
    t.ok(connections(redis.port) <= 4, `${connections(redis.port)} connections`)
    const heard = new Set<string>()
    let told = (): void => {}
    const hear = (message: string): void => {
      heard.add(message)
      told()
    }
    const [ioSub, nodeSub] = [io.duplicate(), node.duplicate()]
    ioSub.on('message', (_, message) => hear(`io ${message}`))
    await ioSub.subscribe('news')
    await nodeSub.connect()
    void nodeSub.subscribe('news', (message) => hear(`node ${message}`))
    let sent = 0
    while ((await io.publish('news', String(++sent))) < 2);
    while (!heard.has(`io ${sent}`) || !heard.has(`node ${sent}`))
      await new Promise<void>((resolve) => {
        told = resolve
      })
    t.ok(heard.has(`node ${sent}`), 'both hear the message that two were to get')
    t.strictSame(await io.blpop('q', 0.01), null)
    const blocked = io.duplicate()
    t.strictSame(await Promise.all([blocked.blpop('q', 5), node.rPush('q', 'v')]), [['q', 'v'], 1])
    blocked.disconnect()
    nodeSub.destroy()
    node.destroy()
    ioSub.disconnect()
    io.disconnect()
  },
)
