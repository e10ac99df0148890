// Shards and clusters of Redis in a configuration file: what is wrong with them, and what explain tells.

import t from 'tap'
import { diagnosticText, readText } from '../../src/config/index.js'
import { checked, limitTables } from '../../src/server/check-configuration.js'
import { explain } from '../../src/server/explain.js'

const text = (shards: string, more = '', listener = '') => `version: 1
listeners: { cache: { address: 127.0.0.1:6380, protocol: redis, backend: keys${listener} } }
backends: { keys: { protocol: redis, ${shards}${more} } }
`
const read = (document: string) => checked(readText(document, 'x.yaml', limitTables()))
const wrong = (document: string) => read(document).errors.map(diagnosticText)

t.test('what is wrong with shards', async (t) => {
  for (const [document, said] of [
    [text('tls: {}'), 'needs endpoints or shards, or a cluster; write endpoints: [HOST:PORT]'],
    [text('shards: [{ endpoints: ["a:1"] }]', ', endpoints: ["b:1"]'), 'shards are written too'],
    [
      text('shards: [{ endpoints: ["a:1"] }, { endpoints: ["b:1", "a:1"] }]'),
      'the endpoint a:1 is written twice',
    ],
    [text('shards: [{ endpoints: ["a:1"], prefixes: ["x"] }]'), 'write a shard without prefixes'],
    [
      text('shards: [{ endpoints: ["a:1"] }, { endpoints: ["b:1"], prefixes: ["x", "x"] }]'),
      'the prefix "x" is written twice',
    ],
    [text('shards: [{ endpoints: ["a:1"] }, { endpoints: ["b:1"] }]', '', ', share: never'), 'write auto'],
    [text('cluster: { seeds: ["a:1"] }', ', endpoints: ["b:1"]'), 'leave out endpoints, or cluster'],
    [
      text('cluster: { seeds: ["a:1"] }', ', shards: [{ endpoints: ["b:1"] }]'),
      'leave out shards, or cluster',
    ],
    [text('cluster: { seeds: ["a:1", "a:1"] }'), 'the endpoint a:1 is written twice'],
    [text('cluster: { seeds: ["unix:/a"] }'), 'nodes of a cluster name each other by HOST:PORT'],
    [text('cluster: { seeds: ["a:1"], addresses: { "b": "c:1" } }'), 'b is not HOST:PORT'],
    [text('cluster: { seeds: ["a:1"], addresses: { "b:1": "unix:/c" } }'), 'name each other by HOST:PORT'],
    [text('cluster: { seeds: ["a:1"] }', '', ', share: never'), 'has several nodes'],
    [
      `version: 1\nbackends: { app: { cluster: { seeds: ["a:1"] }, endpoints: ["b:1"] } }\n`,
      'a cluster is of Redis',
    ],
    [
      `version: 1\nbackends: { app: { shards: [{ endpoints: ["a:1"] }], endpoints: ["b:1"] } }\n`,
      'shards are of Redis',
    ],
  ] as const)
    t.ok(
      wrong(document).some((each) => each.includes(said)),
      `${said}\n${wrong(document).join('\n')}`,
    )
})

t.test('Y23: explain tells which keys a shard has', async (t) => {
  const shards =
    'shards: [{ endpoints: ["a:1", "b:1"] }, { endpoints: ["c:1"] }, { endpoints: ["d:1"], prefixes: ["s:"] }]'
  const { configuration } = read(text(shards))
  if (configuration === null) throw new Error(wrong(text(shards)).join('\n'))
  const told = explain(configuration, {
    url: 'redis://x:6380',
    method: 'GET',
    headers: [],
    from: '127.0.0.1',
  })
  t.strictSame(
    told.filter(({ about }) => /keys|endpoint/.test(about)).map(({ about, value }) => `${about}: ${value}`),
    [
      'keys: slots 0 to 8191',
      'endpoint: a:1',
      'or endpoint: b:1',
      'keys: slots 8192 to 16383',
      'endpoint: c:1',
      'keys: those that begin with "s:"',
      'endpoint: d:1',
    ],
  )
})

t.test('Y26: explain tells what a cluster is asked', async (t) => {
  const document = text('cluster: { seeds: ["a:1", "b:1"], addresses: { "172.17.0.2:6379": "c:1" } }')
  const { configuration } = read(document)
  if (configuration === null) throw new Error(wrong(document).join('\n'))
  const told = explain(configuration, {
    url: 'redis://x:6380',
    method: 'GET',
    headers: [],
    from: '127.0.0.1',
  })
  t.strictSame(
    told
      .filter(({ about }) => /cluster|seed|address/.test(about))
      .map(({ about, value }) => `${about}: ${value}`),
    [
      'cluster: its nodes tell which of them has a key',
      'seed: a:1',
      'seed: b:1',
      'address: 172.17.0.2:6379 is c:1',
    ],
  )
})
