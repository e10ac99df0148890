// Test vectors that others publish. They are not in the repository: a test without them is skipped, and says
// where to get them.

import { existsSync } from 'node:fs'
import { join } from 'node:path'

// Compiled files run from dist/tools/testbed.
const root = join(import.meta.dirname, '..', '..', '..')

export interface Vectors {
  readonly folder: string
  /** The value for tap's `skip` option. */
  readonly skip: string | false
}

/** The vectors of this repository of github.com/http2jp: in test/vectors, or in a folder beside ours. */
export function vectorsOf(name: 'hpack-test-case' | 'http2-frame-test-case'): Vectors {
  const own = join('test', 'vectors', name)
  const folders = [join(root, own), join(root, '..', 'shared', name), join(root, '..', name)]
  const folder = folders.find((each) => existsSync(each))
  if (folder !== undefined) return { folder, skip: false }
  return { folder: '', skip: `no vectors: git clone https://github.com/http2jp/${name} ${own}` }
}
