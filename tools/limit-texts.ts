// Takes the texts of `fermata limits` from the doc comments of the Limits interfaces: prints
// src/server/limit-texts.ts, which ships, since TypeScript does not. A test compares the two.

import { join } from 'node:path'
import ts from 'typescript'

/** Returns the unit of a limit, by its name. */
export function unitOf(name: string): string {
  if (name.endsWith('Ms')) return 'ms'
  if (/Bytes|Window/.test(name)) return name.endsWith('PerSecond') ? 'bytes a second' : 'bytes'
  return name.endsWith('PerSecond') ? 'a second' : ''
}

/** Returns unit and doc comment of each member of `Limits` in src/server/limits.ts, by room and name. */
export function limitTexts(root: string): ReadonlyMap<string, readonly [unit: string, text: string]> {
  const file = join(root, 'src', 'server', 'limits.ts')
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  // Names and comments of our interfaces are looked at, and no library's types.
  const quick = { ...options, incremental: false, composite: false, noEmit: true, noLib: true, types: [] }
  const host = ts.createCompilerHost(quick)
  host.resolveModuleNameLiterals = (names, from) =>
    names.map(({ text }) =>
      text.startsWith('.') ? ts.resolveModuleName(text, from, quick, host) : { resolvedModule: undefined },
    )
  const program = ts.createProgram([file], quick, host)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const texts = new Map<string, readonly [string, string]>()
  source?.forEachChild((node) => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== 'Limits') return
    for (const room of checker.getTypeAtLocation(node).getProperties()) {
      for (const limit of checker.getTypeOfSymbol(room).getProperties()) {
        const comment = ts.displayPartsToString(limit.getDocumentationComment(checker))
        const text = comment
          .replace(/\{@link ([^}]*)\}/g, '$1')
          .replace(/\s+/g, ' ')
          .replaceAll('octet', 'byte')
          .trim()
        texts.set(`${room.name}.${limit.name}`, [unitOf(limit.name), text])
      }
    }
  })
  return texts
}

/** The file that ships. */
export function limitTextsFile(root: string): string {
  const lines = [...limitTexts(root)].map(
    ([name, [unit, text]]) =>
      `  ${JSON.stringify(name)}: [${JSON.stringify(unit)}, ${JSON.stringify(text)}],`,
  )
  return `// The text of each limit, for 'fermata limits'. 'npm run limit-texts' writes it from the doc comments of
// the Limits interfaces.

// biome-ignore format: one line for each limit
export const LIMIT_TEXTS: Readonly<Record<string, readonly [unit: string, text: string]>> = {
${lines.join('\n')}
}
`
}

if (process.argv[1]?.endsWith('limit-texts.js')) process.stdout.write(limitTextsFile(process.cwd()))
