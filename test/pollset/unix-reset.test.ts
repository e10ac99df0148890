// A reset of a Unix-domain socket, which has no RST: it closes, and does not throw.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { NodePollset, type Socket } from '../../src/pollset/index.js'
import { Listening } from '../../src/transport/index.js'

t.test('an accepted Unix-domain socket is reset', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a.sock')
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const accepted = new Promise<Socket>((resolve) => {
    new Listening(
      createWorld(pollset),
      { host: '', port: 0, path },
      { accepted: resolve, ready: () => ready() },
    )
  })
  let ready = (): void => {}
  await new Promise<void>((resolve) => {
    ready = resolve
  })
  const client = connect(path)
  client.resume()
  const closed = once(client, 'close')
  const socket = await accepted
  t.doesNotThrow(() => socket.reset())
  await closed
})
