// Watches files for changes, by their folders: a file that is replaced by a rename is another file, and a
// ConfigMap of Kubernetes changes by the rename of a link beside it.

import { type FSWatcher, watch } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Pollable } from '../pollable.js'
import type { Marked, Marks } from './socket.js'

/** Something has changed in a folder. */
export const CHANGED = 1

export class FileWatch extends Pollable implements Marked {
  readonly id: string
  readonly kind = 'watch'
  readonly bitNames = ['CHANGED']
  marked = 0
  private readonly marks: Marks
  private readonly watchers = new Map<string, FSWatcher>()

  constructor(id: string, marks: Marks) {
    super()
    this.id = id
    this.marks = marks
  }

  /** Watches the folders of these files, and no others. A folder that is not there is not watched. */
  follow(files: readonly string[]): void {
    const folders = new Set(files.map((each) => dirname(resolve(each))))
    for (const [folder, watcher] of this.watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.watchers.delete(folder)
    }
    for (const folder of folders) if (!this.watchers.has(folder)) this.add(folder)
  }

  close(): void {
    for (const watcher of this.watchers.values()) watcher.close()
    this.watchers.clear()
  }

  private add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.marks.mark(this, CHANGED))
      watcher.on('error', () => {
        watcher.close()
        this.watchers.delete(folder)
        this.marks.mark(this, CHANGED)
      })
      this.watchers.set(folder, watcher)
    } catch {
      // Its files are compared now and then.
    }
  }
}
