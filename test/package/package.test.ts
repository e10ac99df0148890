// The package as its users have it: packed, unpacked into a folder's node_modules with our dependencies
// linked, compiled against with the strictest options, and run.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { run } from '../../tools/testbed/programs.js'
import { listings } from '../examples/guide.js'
import { filesUnder, read, root } from '../house/source-rules.js'
import { EVERY_EXPORT, FILTER, OWN_REDIS, REQUIRED, SMALL_PROXY } from './sources.js'

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

const folder = mkdtempSync(join(tmpdir(), 'fermata-package-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const installed = join(folder, 'node_modules', 'fermata-proxy')

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** Packs without building: the tests have just been built, and `prepack` would build all again. */
const [{ filename, files }] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as [{ filename: string; files: { path: string }[] }]
mkdirSync(installed, { recursive: true })
execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
  const link = join(folder, 'node_modules', name)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(join(root, 'node_modules', name), link)
}
write('package.json', '{ "type": "module" }')

const options: ts.CompilerOptions = {
  strict: true,
  skipLibCheck: false,
  noImplicitOverride: true,
  exactOptionalPropertyTypes: true,
  target: ts.ScriptTarget.ES2022,
  // Browsers' types, which would be there by default, take a second to check and are nothing of ours.
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  typeRoots: [join(folder, 'node_modules', '@types')],
}

const worded = (each: ts.Diagnostic): string =>
  `${each.file?.fileName.slice(folder.length + 1)}: ${ts.flattenDiagnosticMessageText(each.messageText, ' ')}`

/** An example of another protocol, with imports as a stranger writes them. */
const exampleOf = (name: string): string =>
  readFileSync(join(root, `tools/examples/${name}.ts`), 'utf8').replace(
    /'(?:\.\.\/)+src\/(\w+)\/index\.js'/g,
    "'fermata-proxy/$1'",
  )
/** The room of Redis, as a stranger would have written it: its imports of other rooms are of the package. */
function redisRoom(): string[] {
  mkdirSync(join(folder, 'redis'))
  return filesUnder('src/redis').map((path) => {
    const text = read(path).replace(/'\.\.\/(\w+)\/index\.js'/g, "'fermata-proxy/$1'")
    return write(join('redis', basename(path)), text)
  })
}

const examples = ['line-protocol', 'memcached', 'memcached-backend', 'memcached-text']

const readmeExample = (name = 'example'): string =>
  new RegExp(`<!-- ${name} -->\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``).exec(
    readFileSync(join(root, 'README.md'), 'utf8'),
  )?.[1] ?? ''

const names = Object.keys(manifest.exports)
  .filter((each) => each !== './package.json')
  .map((each) => `fermata-proxy${each.slice(1)}`)
const program = ts.createProgram(
  [
    write('small-proxy.ts', SMALL_PROXY),
    ...examples.map((name) => write(`${name}.ts`, exampleOf(name))),
    ...listings.map(({ file, text }) => write(file, text)),
    write('filter.ts', FILTER),
    ...redisRoom(),
    write('own-redis.ts', OWN_REDIS),
    write('every-export.ts', EVERY_EXPORT(names)),
    write('readme.ts', readmeExample()),
    write('readme-embedding.ts', readmeExample('embedding')),
    write('readme-define.ts', readmeExample('define')),
  ],
  options,
)

t.test('the tarball holds what a user needs and nothing else', async (t) => {
  const all = files.map((each) => each.path)
  const needed =
    /^(dist\/src\/.*\.(js|d\.ts|js\.map)|spec\/.*\.md|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
  t.strictSame(
    all.filter((each) => !needed.test(each)),
    [],
  )
  for (const each of Object.values(manifest.exports))
    if (typeof each !== 'string') t.ok(all.includes(each.types.slice(2)), each.types)
  t.ok(all.includes('dist/src/main.js'), 'the command')
})

/** Returns the package of an import, which may be of a path inside it. */
const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')

t.test('its declarations name no package that a user does not install', async (t) => {
  for (const { path } of files.filter((each) => each.path.endsWith('.d.ts'))) {
    const text = readFileSync(join(installed, path), 'utf8')
    for (const [, name] of text.matchAll(/(?:from|import\()\s*'([^'.][^']*)'/g))
      t.ok(name.startsWith('node:') || packageOf(name) in manifest.dependencies, `${path} names ${name}`)
  }
})

t.test('maps carry the source, so that an editor can show a step of an installed package', async (t) => {
  const map = JSON.parse(readFileSync(join(installed, 'dist/src/proxy/exchange-steps.js.map'), 'utf8')) as {
    sourcesContent?: string[]
  }
  t.equal(map.sourcesContent?.[0], readFileSync(join(root, 'src/proxy/exchange-steps.ts'), 'utf8'))
})

t.test(
  'it compiles for a stranger: a proxy, the examples and the guide of protocols, each export, the example of the README',
  async (t) => {
    t.match(readmeExample(), /createServer/, 'the README has an example')
    t.match(readmeExample('embedding'), /createProxy/, 'and one of embedding')
    t.match(readmeExample('define'), /defineConfig/, 'and one of a configuration from code')
    t.match(exampleOf('line-protocol'), /from 'fermata-proxy\/continuation'/)
    t.strictSame(ts.getPreEmitDiagnostics(program).map(worded), [])
    t.notOk(program.emit().emitSkipped)
  },
)

t.test('a small proxy runs from it', async (t) => {
  const { stdout, stderr, code } = await run(process.execPath, [join(folder, 'small-proxy.js')], {
    cwd: folder,
  })
  t.equal(stderr, '')
  t.equal(code, 0, 'and ends by itself')
  t.strictSame(JSON.parse(stdout), {
    said: ['200 first', 'true', '200 first', '200 second', '200 first', 'not-listening'],
    order: ['listening', 'draining', 'close'],
    reports: [
      ['/', false, 'ok'],
      ['/same', false, 'ok'],
      ['/new', true, 'ok'],
      ['/old', false, 'ok'],
    ],
  })
})

t.test(
  'the room of Redis needs nothing else than a stranger has: the package, and four of its rooms',
  async (t) => {
    const imported = new Set<string>()
    for (const path of filesUnder('src/redis'))
      for (const [, name] of read(path).matchAll(/(?:from|import\() ?'(?!\.\/)([^']+)'/g)) imported.add(name)
    t.strictSame(
      [...imported].sort(),
      ['continuation', 'engine', 'pollset', 'transport'].map((each) => `../${each}/index.js`),
    )
    const { stdout, stderr, code } = await run(process.execPath, [join(folder, 'own-redis.js')], {
      cwd: folder,
    })
    t.equal(stderr, '')
    t.equal(code, 0)
    t.strictSame(JSON.parse(stdout), {
      replies: '+OK\r\n$5\r\nhello\r\n*2\r\n$5\r\nhello\r\n$-1\r\n',
      connections: 1,
      hasOwnRoom: true,
    })
  },
)

t.test('a filter of a stranger is tried on the simulated network', async (t) => {
  const { stdout, stderr, code } = await run(process.execPath, [join(folder, 'filter.js')], { cwd: folder })
  t.equal(stderr, '')
  t.equal(code, 0)
  t.strictSame(JSON.parse(stdout), {
    got: [
      [200, 'hello'],
      [418, '418 d'],
    ],
    asked: [
      [
        ['x-mark', '/a'],
        ['x-good', '1'],
      ],
    ],
    problems: [],
    ways: true,
  })
})

t.test(
  'each export loads, by import and by require; the programs of the guide print what it says',
  async (t) => {
    const [imported, required, ...printed] = await Promise.all([
      run(process.execPath, [join(folder, 'every-export.js')], { cwd: folder }),
      run(process.execPath, [write('required.cjs', REQUIRED)], { cwd: folder }),
      ...listings.map(({ file }) =>
        run(process.execPath, [join(folder, file.replace(/ts$/, 'js'))], { cwd: folder }),
      ),
    ])
    t.match(imported, { code: 0, stderr: '', stdout: 'true '.repeat(names.length) })
    t.match(required, { code: 0, stderr: '', stdout: 'function function' })
    for (const [at, { file, prints }] of listings.entries()) {
      t.match(printed[at], { code: 0, stderr: '' }, file)
      t.equal(printed[at].stdout.trim(), prints, file)
    }
  },
)

/** The members that a class of the package and its bases have: what a subclass may mean to have for itself. */
function membersOf(room: string, name: string): ts.Symbol[] {
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(join(installed, `dist/src/${room}/index.d.ts`)) as ts.SourceFile
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file) as ts.Symbol)
  const symbol = exported.find((each) => each.name === name) as ts.Symbol
  const whole = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(whole))
}

const namesOf = (members: readonly ts.Symbol[]): string[] => members.map((each) => each.name)

/** A subclass is to have this one. */
const isAbstract = ({ declarations = [] }: ts.Symbol): boolean =>
  declarations.some((each) => (ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Abstract) !== 0)

t.test('internals are not in the published types, but where a stranger subclasses', async (t) => {
  for (const { path } of files.filter((each) => each.path.endsWith('.d.ts')))
    t.notMatch(readFileSync(join(installed, path), 'utf8'), /@internal/, path)
  const scheduler = namesOf(membersOf('continuation', 'Scheduler'))
  t.ok(scheduler.includes('watch'))
  t.notOk(scheduler.includes('resume'))
  t.ok(namesOf(membersOf('continuation', 'Continuation')).includes('alivePrev'))
})

t.test('a subclass whose member clashes with one of ours does not compile', async (t) => {
  const clashes = new Map<string, string>()
  const plant = (kind: string, room: string, name: string, member: string, value: string): void => {
    const text = `import { ${name} } from 'fermata-proxy/${room}'\nexport abstract class Clashes extends ${name} {\n  ${value}\n}\n`
    clashes.set(write(`${kind}-${name}-${member}.ts`, text), `${name}.${member}, ${kind}`)
  }
  for (const [room, name] of [
    ['continuation', 'Continuation'],
    ['pollset', 'Pollable'],
    ['pollset', 'Deadline'],
  ] as const) {
    const members = membersOf(room, name)
    t.ok(members.length > 3, `${name} has ${members.length} members`)
    for (const each of members) {
      const member = each.name
      plant('another type', room, name, member, `override ${member}: { clash: 'yes' } = { clash: 'yes' }`)
      // Of the same type it is taken for an override that does not say so (noImplicitOverride).
      if (!isAbstract(each)) plant('the same type', room, name, member, `${member} = undefined as never`)
    }
  }
  const clashing = ts.createProgram([...clashes.keys()], options, undefined, program)
  for (const [file, what] of clashes) {
    const source = clashing.getSourceFile(file) as ts.SourceFile
    t.not(clashing.getSemanticDiagnostics(source).length, 0, what)
  }
})
