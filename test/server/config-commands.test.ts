// `fermata check` and `fermata schema`: exit codes, what is written where, and the checks that need certificates.

import t from 'tap'
import { parse } from 'yaml'
import { readText } from '../../src/config/index.js'
import { checked, limitTables } from '../../src/server/check-configuration.js'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { EXAMPLE } from '../config/example.js'
import { type Said, saidBy } from '../world/command-lines.js'

const ask = (cwd: string, ...lines: (readonly string[])[]): Promise<Said[]> => saidBy(lines, { cwd })

const RIGHT = `version: 1
listeners: { main: { address: 8080 } }
routes: [{ answer: {} }]
`
/** A listener with these certificates, each with its key. */
const tls = (pairs: Readonly<Record<string, readonly [cert: string, key: string]>>): string => `version: 1
listeners: { main: { address: 8443, tls: { certificates: [${Object.keys(pairs)}] } } }
routes: [{ answer: {} }]
certificates:
${Object.entries(pairs)
  .map(
    ([name, [cert, key]]) =>
      `  ${name}: { cert: { file: ${pathOf(cert)} }, key: { file: ${pathOf(key)} } }\n`,
  )
  .join('')}`

t.test('check: M14, paths that the router would refuse, each with its line', async (t) => {
  const text = `version: 1
listeners: { main: { address: 8080 } }
routes:
  - { name: good, match: { path: /good }, answer: {} }
  - { name: double, match: { path: /a%252fb }, answer: {} }
  - { name: dotted, match: { path: /a;x/b }, answer: {} }
`
  const { configuration, errors } = checked(readText(text, 'f.yaml', limitTables()))
  t.equal(configuration, null)
  t.match(errors, [
    { file: 'f.yaml', line: 5, path: 'routes.double', message: /such requests are refused/ },
    { file: 'f.yaml', line: 6, path: 'routes.dotted', message: /such requests are refused/ },
  ])
})

t.test('check: patterns that match no path, each with its line', async (t) => {
  const patterns = [
    'api/.*',
    '^/api$',
    '/a b',
    '[^/*].*',
    '.*\\.js',
    '/(?:a|b)?',
    '\\*',
    '/x\\?y=.*',
    'é.*',
    '(?i)/A',
  ]
  const text = `version: 1
listeners: { main: { address: 8080 } }
routes:
${patterns.map((each, at) => `  - { name: r${at}, match: { path: { pattern: '${each}' } }, answer: {} }`).join('\n')}
`
  const { errors, warnings } = checked(readText(text, 'f.yaml', limitTables()))
  t.strictSame(errors, [])
  t.strictSame(
    warnings.map(({ line, path, message }) => [line, path, message.split(':')[0]]),
    [0, 2, 3, 7, 8].map((at) => [
      at + 4,
      `routes.r${at}`,
      `the pattern ${JSON.stringify(patterns[at])} matches no path`,
    ]),
  )
})

t.test('check: a certificate that expires is told', async (t) => {
  const text = tls({ site: ['example.pem', 'example.key'] })
  const { foundOut } = checked(readText(text, 'f.yaml', limitTables()))
  const [{ expiresAt }] = foundOut.identities
  const day = 24 * 60 * 60 * 1000
  const told = (now: number) =>
    checked(readText(text, 'f.yaml', limitTables()), now).warnings.filter((each) =>
      /expire/.test(each.message),
    )
  const date = new Date(expiresAt).toISOString().slice(0, 10)
  t.strictSame(told(expiresAt - 15 * day), [])
  t.match(told(expiresAt - 13 * day), [
    { line: 5, path: 'certificates.site', message: `it expires soon, on ${date}` },
  ])
  t.match(told(expiresAt + 1), [{ message: `it has expired, on ${date}` }])
})

t.test('check: exit codes, and what is written where', { buffered: true }, async (t) => {
  const folder = t.testdir({
    'right.yaml': RIGHT,
    'warned.yaml': `${RIGHT}trustedProxies: { addresses: [10.0.0.1] }\n`,
    'wrong.yaml': `${RIGHT}colour: red\nshutdown: { delay: 5 }\n`,
    'mixed.yaml': tls({ a: ['localhost.pem', 'example.key'] }),
    'twice.yaml': tls({ a: ['localhost.pem', 'localhost.key'], b: ['localhost.pem', 'localhost.key'] }),
    'limits.yaml': `${RIGHT}limits: { transport: { heldBytesSoft: 1GiB } }\n`,
  })
  const check = (file: string, ...more: string[]): readonly string[] => ['check', file, ...more]
  const [right, warned, strict, json, wrong, none, mixed, twice, limits] = await ask(
    folder,
    check('right.yaml', '--strict'),
    check('warned.yaml'),
    check('warned.yaml', '--strict'),
    check('wrong.yaml', '--format', 'json'),
    check('wrong.yaml'),
    check('none.yaml'),
    check('mixed.yaml'),
    check('twice.yaml'),
    check('limits.yaml'),
  )
  const counts = 'is a configuration with 1 listener, 0 backends, 1 route\n'
  const believed =
    'warned.yaml:4:1 trustedProxies: warning: nothing is believed; write fields: [x-forwarded-for, x-forwarded-proto], or proxyProtocol: true\n'
  t.strictSame(right, { code: 0, stdout: `right.yaml ${counts}`, stderr: '' })
  t.strictSame(warned, { code: 0, stdout: `warned.yaml ${counts}`, stderr: believed })
  t.strictSame(strict, { code: 1, stdout: `warned.yaml ${counts}`, stderr: believed })
  t.match(JSON.parse(json.stdout), {
    errors: [
      { file: 'wrong.yaml', line: 4, column: 1, path: 'colour', message: /^unknown key/ },
      { line: 5, column: 20, path: 'shutdown.delay', message: '5 has no unit; write 5s or 5ms' },
    ],
    warnings: [],
  })
  t.strictSame([json.code, json.stderr, wrong.code, wrong.stdout], [2, '', 2, ''])
  t.match(
    wrong.stderr,
    /^wrong.yaml:4:1 colour: unknown key; .*\nwrong.yaml:5:20 shutdown.delay: 5 has no unit; .*\n$/,
  )
  t.strictSame(none, {
    code: 2,
    stdout: '',
    stderr: 'none.yaml: cannot be read: no such file or directory (ENOENT)\n',
  })
  const errors = ({ stderr }: Said): string[] =>
    stderr.split('\n').filter((each) => each !== '' && !/: warning: /.test(each))
  t.strictSame(errors(mixed), ['mixed.yaml:5:3 certificates.a: the key does not belong to the certificate'])
  t.match(errors(twice), [
    /^twice.yaml:2:14 listeners.main.tls.certificates: certificate b: it would never be shown: certificates before it have \w+ keys for /,
  ])
  t.strictSame(errors(limits), [
    'limits.yaml:4:39 limits: transport.heldBytesSoft=1073741824 is more than transport.heldBytesMax=268435456',
  ])
  t.strictSame([mixed.code, twice.code, limits.code], [2, 2, 2])
})

// The JSON Schema, judged by a small reader of its own

type Schema = Readonly<Record<string, unknown>>

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isMap,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
}

/** Returns true if the value fits the schema, by the words of JSON Schema that ours uses. */
function fits(value: unknown, schema: Schema, root: Schema): boolean {
  const definitions = root.$defs as Readonly<Record<string, Schema>>
  const rules: Readonly<Record<string, (argument: never) => boolean>> = {
    $ref: (name: string) => fits(value, definitions[name.replace('#/$defs/', '')], root),
    type: (types: string | string[]) => [types].flat().some((each) => TYPES[each](value)),
    anyOf: (forms: Schema[]) => forms.some((each) => fits(value, each, root)),
    enum: (values: unknown[]) => values.includes(value),
    const: (other: unknown) => value === other,
    pattern: (text: string) => typeof value !== 'string' || new RegExp(text).test(value),
    minimum: (least: number) => typeof value !== 'number' || value >= least,
    maximum: (most: number) => typeof value !== 'number' || value <= most,
    exclusiveMaximum: (most: number) => typeof value !== 'number' || value < most,
    minItems: (least: number) => !Array.isArray(value) || value.length >= least,
    maxItems: (most: number) => !Array.isArray(value) || value.length <= most,
    items: (item: Schema) => !Array.isArray(value) || value.every((each) => fits(each, item, root)),
    required: (names: string[]) => !isMap(value) || names.every((each) => each in value),
    propertyNames: (name: Schema) =>
      !isMap(value) || Object.keys(value).every((each) => fits(each, name, root)),
    properties: (parts: Readonly<Record<string, Schema>>) =>
      !isMap(value) ||
      Object.entries(value).every(([key, each]) => !(key in parts) || fits(each, parts[key], root)),
    additionalProperties: (rest: Schema | false) =>
      !isMap(value) ||
      Object.entries(value).every(
        ([key, each]) =>
          key in ((schema.properties as object | undefined) ?? {}) ||
          (rest !== false && fits(each, rest, root)),
      ),
  }
  return Object.entries(schema).every(([word, argument]) => {
    if (['$schema', '$defs', 'title', 'description'].includes(word)) return true
    if (rules[word] === undefined) throw new Error(`the reader does not know ${word}`)
    return rules[word](argument as never)
  })
}

/** Properties without a description. */
function undescribed(schema: unknown, path: string): string[] {
  if (Array.isArray(schema)) return schema.flatMap((each) => undescribed(each, path))
  if (!isMap(schema)) return []
  const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>
  const bare = Object.entries(properties).filter(
    ([, each]) => typeof each.description !== 'string' || each.description === '',
  )
  return [
    ...bare.map(([key]) => `${path}.${key}`),
    ...Object.entries(properties).flatMap(([key, each]) => undescribed(each, `${path}.${key}`)),
    ...['anyOf', 'items', 'additionalProperties'].flatMap((word) =>
      undescribed(schema[word], `${path}.${word}`),
    ),
  ]
}

t.test(
  'schema: draft 2020-12, each key described; it takes the full example and no misspelt key',
  async (t) => {
    const [{ code, stdout, stderr }] = await saidBy([['schema']])
    t.strictSame([code, stderr], [0, ''])
    const schema = JSON.parse(stdout) as Schema
    t.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    t.strictSame(undescribed(schema, ''), [])
    t.ok(fits(parse(EXAMPLE), schema, schema), 'the example')
    for (const wrong of [
      'addres: 1',
      'address: [1]',
      'address: 1, protocols: [h3]',
      'address: 1, protocols: []',
    ])
      t.notOk(fits(parse(`version: 1\nlisteners: { a: { ${wrong} } }`), schema, schema), wrong)
    t.notOk(fits(parse('version: 1\ndefaults: { timeouts: { head: 5 } }'), schema, schema), 'no unit')
    t.ok(fits(parse('version: 1\ndefaults: { timeouts: { head: 0 } }'), schema, schema))
  },
)
