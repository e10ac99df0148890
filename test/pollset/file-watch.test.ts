// The watch of files: which events count, and the digest of a look.

import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CHANGED, type FileWatch, LOOKED, NodePollset, type Pollable } from '../../src/pollset/index.js'
import { FilesDigest } from '../../src/pollset/node/digest.js'
import { soon } from '../world/soon.js'

function watching(t: Test, files: readonly string[]): FileWatch {
  const pollset = new NodePollset()
  const watch = pollset.fileWatch('watch')
  watch.follow(files)
  t.teardown(() => {
    watch.close()
    pollset.close()
  })
  return watch
}

const up = async (pollable: Pollable, bits: number) => {
  while ((pollable.readiness & bits) === 0) await soon()
  pollable.lower(bits)
}

t.test('a look makes the digest of what the files hold, and of none that cannot be read', async (t) => {
  const folder = t.testdir({ a: 'one', b: 'two' })
  const files = ['a', 'b', 'missing'].map((each) => join(folder, each))
  const watch = watching(t, files)
  const look = async () => {
    watch.look(files)
    await up(watch, LOOKED)
    return watch.digest
  }
  const made = new FilesDigest()
  made.add(files[0], Buffer.from('one'))
  made.add(files[1], Buffer.from('two'))
  made.add(files[2], null)
  t.equal(await look(), made.digest)
  writeFileSync(files[1], 'twö')
  const changed = await look()
  t.not(changed, made.digest)
  writeFileSync(files[2], '')
  t.not(await look(), changed, 'an empty file is another than none')
})

t.test('changes of the files count, and new names in their folders, not what others write', async (t) => {
  const folder = t.testdir({ a: 'one', log: '' })
  const watch = watching(t, [join(folder, 'a')])
  writeFileSync(join(folder, 'log'), 'more')
  writeFileSync(join(folder, 'a'), 'two')
  await up(watch, CHANGED)
  writeFileSync(join(folder, 'new'), '')
  await up(watch, CHANGED)
  renameSync(join(folder, 'new'), join(folder, 'a'))
  await up(watch, CHANGED)
  t.equal(watch.readiness & LOOKED, 0)
})
