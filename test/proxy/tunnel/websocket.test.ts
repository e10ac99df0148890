// WebSockets from every frontend to every backend, with `ws` at both ends: over HTTP/1.1 by itself, over HTTP/2 on a
// stream of node:http2.

import t from 'tap'
import { once } from '../../world/proxy-world.js'
import { isH2, isSecure, type Kind, openWebSocket, proxyTo, webSocketBackend } from './tunnel-world.js'

const KINDS: readonly Kind[] = ['http', 'h2c', 'https', 'h2']

for (const front of KINDS) {
  for (const back of KINDS) {
    t.test(`${front} to ${back}`, async (t) => {
      const backend = await webSocketBackend(back, (socket) => {
        socket.on('message', (data, binary) => socket.send(data, { binary }))
        socket.on('close', (code) => tell(code))
      })
      let tell: (code: number) => void = () => {}
      const closed = new Promise<number>((resolve) => {
        tell = resolve
      })
      t.teardown(() => backend.close())
      const proxy = await proxyTo(t, backend.url, { secure: isSecure(front) })
      const socket = await openWebSocket(t, front, proxy, '/chat?a=b')

      socket.send('hello')
      const [text, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
      t.equal(text.toString(), 'hello')
      t.equal(isBinary, false)

      const large = Buffer.alloc(3 * 1024 * 1024, 'fermata ')
      socket.send(large)
      const [echo] = (await once(socket, 'message')) as [Buffer]
      t.ok(echo.equals(large), 'three MiB each way, unaltered')

      const [asked] = backend.asked
      t.equal(asked.path, '/chat?a=b')
      t.match(asked.headers, {
        via: isH2(front) ? '2 fermata' : '1.1 fermata',
        'sec-websocket-version': '13',
      })
      t.equal('sec-websocket-key' in asked.headers, !isH2(back), 'a key where HTTP/1.1 is spoken')
      t.equal(proxy.server.proxy.tunnels, 1)

      socket.close(1000)
      await once(socket, 'close')
      const ended = once(proxy.server, 'stopped')
      proxy.server.command('drain')
      await ended
      t.strictSame(Object.fromEntries(proxy.server.proxy.outcomes), { ok: 1 }, 'it ended well')
      t.equal(await closed, 1000)
    })
  }
}
