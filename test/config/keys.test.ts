// The table of keys in spec/configuration.md: it has each key of the schema, with its form, its bounds and its default.

import t from 'tap'
import { parse } from 'yaml'
import { jsonSchema, writtenName } from '../../src/config/index.js'
import { definitions } from '../../src/filters/index.js'
import { limitsByRoom } from '../../src/server/limits.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { read } from '../house/source-rules.js'
import { OPTIONS, reader } from './example.js'

interface Schema {
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
}

/** The keys of this schema, each with its path as the page writes it. */
function keysOf(schema: Schema, path: string): string[] {
  return (schema.anyOf ?? [schema]).flatMap((form) => [
    ...Object.entries(form.properties ?? {}).flatMap(([key, each]) => {
      const own = path === '' ? key : `${path}.${key}`
      return [own, ...keysOf(each, own)]
    }),
    ...(form.items === undefined ? [] : keysOf(form.items, `${path}[]`)),
    ...(form.additionalProperties ? keysOf(form.additionalProperties, `${path}.*`) : []),
  ])
}

const rows = tableOf(read('spec/configuration.md'), 'Keys')
const schemaKeys = keysOf(jsonSchema(OPTIONS) as Schema, '')
const SHARED = /^(?:backends\.\*|routes\[\])\.((?:timeouts|retry|path|filters\[\])\..*)$/
/** Options of filters: spec/filters.md has them, and test/filters/box.test.ts reads it. */
const OF_FILTERS = new RegExp(
  `^(?:filters\\.\\*|(?:defaults|routes\\[\\])\\.filters\\[\\])\\.(?:${[...definitions.map((each) => each.name), 'module'].join('|')})(?:\\.|$)`,
)

t.test('the page has each key of the schema, and no other', async (t) => {
  const listed = rows.map((row) => row.key)
  t.equal(new Set(listed).size, listed.length, 'once')
  const own = schemaKeys.filter(
    (key) => !SHARED.test(key) && !OF_FILTERS.test(key) && !key.startsWith('limits.'),
  )
  t.strictSame([...listed].sort(), [...own].sort())
  for (const key of schemaKeys) {
    const [, shared] = SHARED.exec(key) ?? []
    if (shared !== undefined) t.ok(schemaKeys.includes(`defaults.${shared}`), `${key} is that of defaults`)
  }
})

/** The descriptions of this schema and of those within it. */
const descriptionsIn = (schema: unknown): string[] =>
  typeof schema !== 'object' || schema === null
    ? []
    : Object.entries(schema).flatMap(([key, each]) =>
        key === 'description' && typeof each === 'string' ? [each] : descriptionsIn(each),
      )

t.test('a description begins with the noun that it describes, and not with a question', async (t) => {
  const all = descriptionsIn(jsonSchema(OPTIONS))
  t.ok(all.length > 300, `${all.length} descriptions`)
  const asks = (text: string): boolean => /^(?:What|Who|Whose|Whether|Which|Where|Why|When|How)\b/.test(text)
  t.strictSame([...new Set(all)].filter(asks), [])
  t.ok(asks('How long it takes.'))
})

t.test('each limit may be written', async (t) => {
  const names = Object.entries(limitsByRoom).flatMap(([room, limits]) => [
    `limits.${room}`,
    ...Object.keys(limits).map((name) => `limits.${room}.${writtenName(name)}`),
  ])
  t.strictSame(schemaKeys.filter((key) => key.startsWith('limits.')).sort(), names.sort())
})

type Value = null | boolean | number | string | readonly Value[] | { [key: string]: Value }

/** A document in which each key that has a default may be written. */
const base = (): Record<string, Value> => ({
  version: 1,
  listeners: { main: { address: 80 }, cache: { address: 81, protocol: 'redis', backend: 'redis' } },
  backends: {
    app: {
      endpoints: [{ address: 'a:80' }],
      balance: { policy: 'hash', key: 'address' },
      health: { active: { http: {} } },
    },
    found: { protocol: 'https', discovery: { dns: 'a', port: 80 } },
    plain: { endpoints: ['a:80'] },
    redis: { protocol: 'redis', endpoints: ['a:81'] },
  },
  routes: [
    { match: { path: { prefix: '/1' } }, backend: [{ to: 'app' }] },
    { match: { path: '/2' }, redirect: { path: '/x' } },
    { match: { path: '/3' }, answer: {} },
  ],
  trustedProxies: { addresses: ['10.0.0.1'], fields: ['x-real-ip'] },
  debug: { address: 4711 },
  accessLog: { file: '-' },
})

/** Which entry has the maps that a key stands in. */
const entryOf = (key: string): string => {
  if (/\.(?:discovery|tls)\b/.test(key)) return 'found'
  return /\.(?:policy|protocol)$/.test(key) ? 'plain' : 'app'
}

/** Writes the value at the key, and what it stands in. */
function written(key: string, value: Value): Record<string, Value> {
  const document = base()
  const route = key.includes('redirect') ? 1 : key.includes('answer') ? 2 : 0
  const path = key
    .replace(/listeners\.\*(?=\.(?:share|allowAdmin|backend)$)/, 'listeners.cache')
    .replace('listeners.*', 'listeners.main')
    .replace('certificates.*', 'certificates.a')
    .replace('backends.*', `backends.${entryOf(key)}`)
    .replace('routes[]', `routes.${route}`)
    .replaceAll('[]', '.0')
    .split('.')
  let at = document as Record<string, Value>
  for (const [depth, name] of path.slice(0, -1).entries()) {
    at[name] ??= path[depth + 1] === '0' ? [] : {}
    at = at[name] as Record<string, Value>
  }
  at[path.at(-1) as string] = value
  return document
}

/** The effective configuration, without places. */
const effective = (document: Record<string, Value>): unknown => {
  const { configuration, errors } = reader.object(document)
  if (configuration === null) return errors
  return JSON.parse(JSON.stringify(configuration, (key, value) => (/^sources?$/.test(key) ? null : value)))
}

t.test('the defaults are those that it says', async (t) => {
  const without = effective(base())
  const tested = rows.filter((row) => row.default !== '-' && row.default !== 'inherited')
  t.ok(tested.length > 45, `${tested.length} defaults`)
  for (const { key, default: value } of tested)
    t.strictSame(effective(written(key, parse(value) as Value)), without, `${key}: ${value}`)
})

/** A value that is wrong for each form. */
const WRONG: Readonly<Record<string, Value>> = {
  duration: 5,
  size: 5,
  share: 50,
  flag: 'yes',
  map: 5,
  list: 5,
  text: ['x'],
  number: 'x',
}

t.test('each key has the form and the bounds that it says', async (t) => {
  const wrongAt = (key: string, value: Value): boolean => {
    const { errors } = reader.object(written(key, value))
    const name = key.replace(/.*[.*]\.?/, '').replace('[]', '')
    return errors.some((each) => each.path.includes(name))
  }
  for (const { key, value } of rows) {
    if (key.includes('*.present') || key.includes('*.pattern')) continue
    const [, least, most] = /^count: (\d+) to (\d+)$/.exec(value) ?? []
    if (least !== undefined) {
      t.ok(wrongAt(key, Number(least) - 1), `${key} below ${least}`)
      t.ok(wrongAt(key, Number(most) + 1), `${key} above ${most}`)
      if (key !== 'backends.*.discovery.port') {
        t.notOk(wrongAt(key, Number(least)), `${key} ${least}`)
        t.notOk(wrongAt(key, Number(most)), `${key} ${most}`)
      }
      continue
    }
    const [, words] = /^(?:word|number): (.+)$/.exec(value) ?? []
    if (words !== undefined) {
      t.ok(wrongAt(key, 'nonsense'), `${key} nonsense`)
      for (const word of words.split(', ')) {
        const { errors } = reader.object(written(key, word))
        t.notOk(
          errors.some((each) => / is unknown|is not a /.test(each.message)),
          `${key} ${word}`,
        )
      }
      continue
    }
    for (const form of value.split(', or ')) {
      if (form === 'false' || form === '1') continue
      const others = value.includes(', or ')
      const bad = others && (form === 'list' || form === 'map' || form === 'text') ? null : WRONG[form]
      t.ok(wrongAt(key, bad as Value), `${key}: ${form}`)
    }
  }
})
