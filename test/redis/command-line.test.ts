// `fermata redis`: what is wrong on its command line.

import t from 'tap'
import { parseRedisBackend, parseRedisListen } from '../../src/server/redis-address.js'
import { parsePrefix, seedsOf, shardsOf } from '../../src/server/redis-shards.js'
import { saidBy } from '../world/command-lines.js'

t.test('what is wrong on the command line', async (t) => {
  const rows = [
    [[], /--backend is missing: fermata redis --backend 127.0.0.1:6379/],
    [['-b', 'redis://u:p@a'], /--backend 'redis:\/\/u:p@a' is not a backend of Redis: write HOST:PORT/],
    [['-b', 'a:70000'], /port 70000 is out of range/],
    [['-b', 'a', '-l', 'https://:1'], /--listen 'https:\/\/:1': write redis:\/\/HOST:PORT/],
    [['-b', 'a', '--share', 'often'], /--share 'often': write 'never', 'auto' or 'always'/],
    [['-b', 'a', '-l', 'rediss://:0'], /a rediss:\/\/ listener needs --cert FILE and --key FILE/],
    [['-b', 'a', '--cert', 'x', '--key', 'y'], /--cert is for rediss:\/\/ listeners/],
    [['-b', 'a', '--backend-insecure'], /no backend URL begins with rediss:\/\//],
    [['-b', 'a', '-b', 'a'], /--backend a:6379 is given twice/],
    [['--cluster', 'a', '-b', 'b'], /--cluster names its servers itself: leave out --backend and --prefix/],
    [['-b', 'a', '--limit', 'redis.depht=1'], /there is no limit 'redis.depht'/],
  ] as const
  const said = await saidBy(rows.map(([args]) => ['redis', ...args]))
  for (const [at, [, stderr]] of rows.entries()) t.match(said[at], { code: 2, stdout: '', stderr })
  t.same(parseRedisListen('rediss://[::1]:6380'), { host: '::1', port: 6380, secure: true })
  t.same(parseRedisBackend('[::1]'), { host: '::1', port: 6379, secure: false })
  t.same(parseRedisBackend('rediss://a.example:1'), { host: 'a.example', port: 1, secure: true })
  t.equal(parseRedisBackend('unix:/a').path, '/a')
})

t.test('Y23: the servers that --backend and --prefix name', async (t) => {
  const shards = (backends: string, prefixes = '', share: 'auto' | 'never' = 'auto') => {
    const prefix = prefixes === '' ? [] : prefixes.split(' ').map(parsePrefix)
    return shardsOf({ share, prefix }, backends.split(' ').map(parseRedisBackend))
  }
  t.same(shards('a b', 'x=c y=c z=d:1'), [
    { endpoint: 'a:6379', prefixes: [] },
    { endpoint: 'b:6379', prefixes: [] },
    { endpoint: 'c:6379', prefixes: ['x', 'y'] },
    { endpoint: 'd:1', prefixes: ['z'] },
  ])
  t.throws(() => shards('a b', '', 'never'), /--share never needs one --backend/)
  t.throws(() => shards('a a'), /--backend a:6379 is given twice/)
  t.throws(() => shards('a rediss://b'), /all TLS/)
  t.throws(() => shards('a', 'x'), /'x': write PREFIX=HOST:PORT/)
  t.throws(() => shards('a', 'x=a'), /--prefix x=a: this server is a --backend too/)
  t.throws(() => shards('a', 'x=b x=c'), /--prefix x is given twice/)
})

t.test('Y26: the nodes that --cluster names', async (t) => {
  const seeds = (names: string, more: Partial<Parameters<typeof seedsOf>[0]> = {}) =>
    seedsOf({ share: 'auto', ...more }, names.split(' ').map(parseRedisBackend))
  t.same(seeds('a b:1'), ['a:6379', 'b:1'])
  t.throws(() => seeds('a', { share: 'never' }), /--share never does not go with --cluster/)
  t.throws(() => seeds('a', { backend: ['b'] }), /leave out --backend and --prefix/)
  t.throws(() => seeds('a', { prefix: [{ prefix: 'x', backend: 'b' }] }), /leave out --backend and --prefix/)
  t.throws(() => seeds('a a'), /--cluster a:6379 is given twice/)
  t.throws(() => seeds('a rediss://b'), /several --cluster speak all TLS/)
})
