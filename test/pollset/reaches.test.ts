// A dial that would reach a listener of ours is recognised, in all spellings of its address.

import { once } from 'node:events'
import { linkSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import t from 'tap'
import { reaches } from '../../src/pollset/node/reaches.js'

t.test('a path: each way to write it, and each link to it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const at = (name: string) => ({ host: '', port: 0, path: name })
  for (const name of ['own', 'other']) {
    const server = createServer()
    server.listen(join(folder, name))
    t.teardown(() => server.close())
    await once(server, 'listening')
  }
  const own = join(folder, 'own')
  symlinkSync(own, join(folder, 'link'))
  symlinkSync('link', join(folder, 'link-to-link'))
  symlinkSync(folder, join(folder, 'folder'))
  symlinkSync('loop', join(folder, 'loop'))
  linkSync(own, join(folder, 'hard'))
  const same = [
    own,
    `${folder}//own`,
    `${folder}/./own`,
    `${folder}/folder/../${folder.split('/').at(-1)}/own`,
    `${folder}/folder/own`,
    relative(process.cwd(), own),
    ...['link', 'link-to-link', 'hard'].map((name) => join(folder, name)),
  ]
  for (const path of same) t.equal(reaches(at(path), at(own)), true, path)
  const others = ['other', 'loop', 'nothing', 'own/x', 'a\0b'].map((name) => `${folder}/${name}`)
  for (const path of others) t.equal(reaches(at(path), at(own)), false, JSON.stringify(path))
  t.equal(reaches({ host: '127.0.0.1', port: 1 }, at(own)), false)
  t.equal(reaches(at(own), { host: '127.0.0.1', port: 1 }), false)
})

t.test('an address: loopback and its other spellings', async (t) => {
  const own = { host: '127.0.0.1', port: 7 }
  for (const host of ['127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '0.0.0.0', '::'])
    t.equal(reaches({ host, port: 7 }, own), true, host)
  for (const to of [
    { host: '127.0.0.2', port: 7 },
    { host: '127.0.0.1', port: 8 },
    { host: '192.0.2.1', port: 7 },
  ])
    t.equal(reaches(to, own), false, `${to.host}:${to.port}`)
})
