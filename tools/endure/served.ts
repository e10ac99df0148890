// `fermata serve FILE` as a process, and its file.

import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Program, start } from '../testbed/programs.js'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const PROBE = join(import.meta.dirname, 'probe.js')

/** Replaces a file in the way of editors and ConfigMaps. */
export function put(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

export interface ServeOptions {
  readonly args?: readonly string[]
  /** True if it is measured: {@link Program.ask} asks the probe. */
  readonly probed?: boolean
}

/** Starts a server; settles when it serves. */
export function serve(file: string, { args = [], probed = false }: ServeOptions = {}): Promise<Program> {
  const nodeArgs = probed ? ['--expose-gc', '--import', pathToFileURL(PROBE).href] : []
  return start(process.execPath, [...nodeArgs, MAIN, 'serve', file, ...args], {
    line: /has \d+ routes? /,
    messages: probed,
  })
}
