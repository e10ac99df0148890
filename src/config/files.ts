// Reads files within bounds, and expands the patterns of `include`.

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { FilesDigest } from '../pollset/index.js'

/** bytes of a configuration file, without its includes */
export const FILE_BYTES_MAX = 4 * 1024 * 1024
/** bytes of all configuration files together */
export const ALL_BYTES_MAX = 16 * 1024 * 1024
/** bytes of a certificate, a key or another value from a file */
export const VALUE_BYTES_MAX = 1024 * 1024
export const INCLUDES_MAX = 100

export interface FileText {
  readonly text: string
  readonly bytes: number
  /** The permission bits. */
  readonly mode: number
}

/**
 * Remembers the files that were read, and their contents. A pipe cannot be read again, so it does not count.
 */
export class FilesRead {
  private readonly paths: string[] = []
  private readonly made = new FilesDigest()

  note(path: string, content: Uint8Array | null): void {
    const whole = resolve(path)
    this.paths.push(whole)
    this.made.add(whole, content)
  }

  /** The contents. They can be cloned to another thread. */
  get contents(): FileContents {
    return { paths: this.paths, digest: this.made.digest }
  }
}

/** Files, and a {@link FilesDigest} of them in this order. */
export interface FileContents {
  readonly paths: readonly string[]
  readonly digest: string
}

/** A file that could not be read. The message continues a sentence that begins with the file's name. */
export class FileFault extends Error {}

/** Translates the system's error into words. */
function systemWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [, code, what] = /^([A-Z]+): (.+?), [a-z]+(?: '.*')?$/s.exec(text) ?? []
  return what === undefined ? text : `${what} (${code})`
}

/**
 * Reads a file as UTF-8, without a byte order mark. Throws a {@link FileFault}.
 * @param most the most bytes of the file
 * @param anyKind true: it may be a pipe
 * @param read remembers the file, even if it cannot be read
 */
export function readText(path: string, most: number, anyKind: boolean, read: FilesRead): FileText {
  if (path.includes('\0')) throw new FileFault('cannot be read: its name has a NUL')
  let bytes: Buffer
  let mode: number
  try {
    // Opens without blocking: otherwise it would wait for a writer of a pipe.
    const file = openSync(path, anyKind ? 'r' : NON_BLOCKING)
    try {
      const status = fstatSync(file)
      if (status.isDirectory()) throw new FileFault('is a folder; write the name of a file')
      if (!anyKind && !status.isFile()) throw new FileFault('is not a plain file')
      mode = status.mode & 0o777
      bytes = readMost(file, most)
      if (status.isFile()) read.note(path, bytes)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    read.note(path, null)
    throw error instanceof FileFault ? error : new FileFault(`cannot be read: ${systemWords(error)}`)
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), bytes: bytes.length, mode }
  } catch {
    throw new FileFault('is not UTF-8 text')
  }
}

/** O_RDONLY | O_NONBLOCK, with the numbers of this system. */
const NON_BLOCKING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

function readMost(file: number, most: number): Buffer {
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(Math.min(64 * 1024, most + 1 - total))
    const count = readSync(file, chunk, 0, chunk.length, null)
    if (count === 0) return Buffer.concat(chunks)
    total += count
    if (total > most) throw new FileFault(`has more than ${most / 1024 / 1024} MiB`)
    chunks.push(chunk.subarray(0, count))
  }
}

/** Returns true if this is a pattern, not the name of one file. */
export const isGlob = (pattern: string): boolean => /[*?]/.test(pattern)

/**
 * Returns the files that match a pattern, sorted. `*` and `?` stand within one part of a path, and do not
 * match a leading dot. A pattern without them is returned unchanged.
 */
export function expandGlob(folder: string, pattern: string): string[] {
  if (!isGlob(pattern)) return [pattern.startsWith(sep) ? pattern : join(folder, pattern)]
  const parts = pattern.split('/')
  let found = [pattern.startsWith('/') ? '/' : folder]
  for (const [at, part] of parts.entries()) {
    if (part === '' || part === '.') continue
    const last = at === parts.length - 1
    found = isGlob(part)
      ? found.flatMap((each) => matches(each, part, last))
      : found.map((each) => join(each, part))
  }
  return found.sort()
}

function matches(folder: string, part: string, files: boolean): string[] {
  const source = part
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.')
  const pattern = new RegExp(`^${source}$`, 's')
  let entries: string[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
      .filter((each) => files || !each.isFile())
      .map((each) => each.name)
  } catch {
    return []
  }
  return entries
    .filter((name) => pattern.test(name) && (!name.startsWith('.') || part.startsWith('.')))
    .map((name) => join(folder, name))
}
