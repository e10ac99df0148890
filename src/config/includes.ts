// Reads the files that a configuration includes: relative to it, sorted, one level deep.

import { dirname, relative, resolve } from 'node:path'
import type { Diagnostics } from './diagnostics.js'
import { type ConfigDocument, YamlDocument } from './document.js'
import {
  ALL_BYTES_MAX,
  expandGlob,
  FILE_BYTES_MAX,
  FileFault,
  type FilesRead,
  INCLUDES_MAX,
  isGlob,
  readText,
} from './files.js'

/**
 * @param patterns the patterns of `include`
 * @param bytes the bytes of the main file
 * @param files the names of all files that were read; those of included files are added
 * @param read remembers the files
 */
export function readIncludes(
  main: ConfigDocument,
  patterns: readonly string[],
  bytes: number,
  files: string[],
  read: FilesRead,
  diagnostics: Diagnostics,
): ConfigDocument[] {
  const found = new Map<string, number>()
  for (const [at, pattern] of patterns.entries()) {
    const tell = (message: string): void =>
      diagnostics.error(main.place(['include', at]), ['include', at], message)
    if (pattern.includes('**')) tell(`${JSON.stringify(pattern)} has **; name each folder, as conf.d/*.yaml`)
    else {
      const files = expandGlob(main.folder, pattern)
      for (const file of files) if (!found.has(file)) found.set(file, at)
      if (files.length === 0)
        diagnostics.warn(main.place(['include', at]), ['include', at], 'no file matches this pattern')
    }
    // A watcher of the folder sees a new file.
    if (isGlob(pattern)) read.note(resolve(main.folder, pattern), null)
  }
  // A pattern may match the main file itself.
  found.delete(resolve(main.name))
  const documents: ConfigDocument[] = []
  let total = bytes
  for (const file of [...found.keys()].sort()) {
    const at = found.get(file) as number
    const tell = (message: string): void =>
      diagnostics.error(main.place(['include', at]), ['include', at], message)
    if (documents.length >= INCLUDES_MAX) {
      tell(`more than ${INCLUDES_MAX} files are included; write fewer, longer ones`)
      break
    }
    const name = shownName(main, file)
    try {
      const { text, bytes } = readText(file, FILE_BYTES_MAX, false, read)
      total += bytes
      if (total > ALL_BYTES_MAX) {
        tell(`all files together have more than ${ALL_BYTES_MAX / 1024 / 1024} MiB`)
        break
      }
      files.push(name)
      const document = new YamlDocument(text, name, dirname(file), diagnostics)
      if (document.isReadable) documents.push(document)
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      if (isGlob(patterns[at])) diagnostics.error({ file: name, line: 0, column: 0 }, '', error.message)
      else tell(`${name} ${error.message}`)
    }
  }
  return documents
}

/** Returns the name in the style of the main file's name: relative if that is, so that an editor finds it. */
function shownName(main: ConfigDocument, file: string): string {
  if (main.name.startsWith('/')) return file
  return relative(resolve(main.name, main.name === '' ? '' : '..'), file).replace(/^/, prefixOf(main.name))
}

/** Returns the folder of a relative name, as it is written. */
const prefixOf = (name: string): string => name.slice(0, name.lastIndexOf('/') + 1)
