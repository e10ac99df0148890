// Watches files for changes, by watching their folders. A file that is replaced by a rename is another file,
// and a ConfigMap of Kubernetes changes by the rename of a link beside it.

import { type FSWatcher, readFile, stat, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { Pollable } from '../pollable.js'
import { FilesDigest } from './digest.js'
import type { Marked, Marks } from './socket.js'

/** A file has changed, or in one of the folders a file has come, gone or been renamed. */
export const CHANGED = 1
/** The files have been read: {@link FileWatch.digest} is new. */
export const LOOKED = 2

/** bytes up to which a file is read to be compared; a longer file is compared by size and time */
const FILE_BYTES_MAX = 16 * 1024 * 1024

export class FileWatch extends Pollable implements Marked {
  readonly id: string
  readonly kind = 'watch'
  readonly bitNames = ['CHANGED', 'LOOKED']
  marked = 0
  private readonly marks: Marks
  /** The digest of the last look. */
  digest = ''
  private looks = 0
  private names: ReadonlySet<string> = new Set()
  private readonly watchers = new Map<string, FSWatcher>()

  constructor(id: string, marks: Marks) {
    super()
    this.id = id
    this.marks = marks
  }

  /** Watches the folders of these files, and no others. A missing folder is not watched. */
  follow(files: readonly string[]): void {
    const folders = new Set(files.map((each) => dirname(resolve(each))))
    this.names = new Set(files.map((each) => basename(each)))
    for (const [folder, watcher] of this.watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.watchers.delete(folder)
    }
    for (const folder of folders) if (!this.watchers.has(folder)) this.add(folder)
  }

  /**
   * Makes the digest of these files, then raises LOOKED. A later call takes the place of a look
   * that still runs.
   */
  look(files: readonly string[]): void {
    this.lower(LOOKED)
    this.lookFrom(files, 0, new FilesDigest(), ++this.looks)
  }

  private lookFrom(files: readonly string[], at: number, made: FilesDigest, look: number): void {
    if (look !== this.looks) return
    if (at === files.length) {
      this.digest = made.digest
      this.marks.mark(this, LOOKED)
      return
    }
    const found = (content: Buffer | null): void => {
      made.add(files[at], content)
      this.lookFrom(files, at + 1, made, look)
    }
    stat(files[at], (error, status) => {
      if (error !== null) found(null)
      else if (!status.isFile() || status.size > FILE_BYTES_MAX)
        found(Buffer.from(`${status.ino} ${status.size} ${status.mtimeMs}`))
      else readFile(files[at], (error, content) => found(error === null ? content : null))
    })
  }

  close(): void {
    this.looks++
    for (const watcher of this.watchers.values()) watcher.close()
    this.watchers.clear()
  }

  private add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        // Other files of the folder may be written all the time.
        if (event === 'rename' || name === null || this.names.has(name)) this.marks.mark(this, CHANGED)
      })
      watcher.on('error', () => {
        watcher.close()
        this.watchers.delete(folder)
        this.marks.mark(this, CHANGED)
      })
      this.watchers.set(folder, watcher)
    } catch {
      // Files in it are compared now and then.
    }
  }
}
