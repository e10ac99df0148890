// Headless Chromium in front of Fermata, over TLS: a page of a hundred resources by HTTP/2. The page tells in its own text what came,
// and by which protocol; another opens a WebSocket there, which makes it extended CONNECT (RFC 8441).

import t, { type Test } from 'tap'
import { localhost } from '../../tools/testbed/certificates/index.js'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { proxyTo, webSocketBackend } from '../proxy/tunnel/tunnel-world.js'
import { type OnStream, setUp } from '../world/proxy-world.js'
import { browse, nodeServer } from './page.js'

const EACH = 50
const list = (make: (i: number) => string) => Array.from({ length: EACH }, (_, i) => make(i)).join('\n')

const PAGE = `<!doctype html><meta charset="utf-8"><title>a hundred</title><link rel="icon" href="data:,">
<script>var ran = 0</script>
${list((i) => `<script src="/script/${i}"></script>`)}
${list((i) => `<img src="/image/${i}">`)}
<p id="told">not yet</p>
<script>
onload = () => {
  const images = [...document.images].filter((each) => each.complete && each.naturalWidth === 7).length
  const by = performance.getEntriesByType('resource').map((each) => each.nextHopProtocol)
  told.textContent = [ran, images, by.filter((each) => each === 'h2').length].join(' ')
}
</script>`

const IMAGE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><rect width="7" height="7"/></svg>'

const origin: OnStream = (stream, headers) => {
  const kind = String(headers[':path']).split('/')[1]
  const [type, body] =
    kind === 'script'
      ? ['text/javascript', `ran++ // ${'x'.repeat(2_000)}`]
      : kind === 'image'
        ? ['image/svg+xml', IMAGE]
        : ['text/html', PAGE]
  stream.respond({ ':status': 200, 'content-type': type })
  stream.end(body)
}

/** The page at this port as its scripts have left it; `how`: when they have. */
const dumped = (t: Test, port: number, how = '--virtual-time-budget=60000') =>
  browse(t, `https://localhost:${port}/`, '--ignore-certificate-errors', how)

t.test('a page of a hundred resources', { skip: unlessInstalled('chromium') }, async (t) => {
  const setting = await setUp(
    origin,
    {},
    {
      listen: [{ host: '127.0.0.1', port: 0, secure: true }],
      certificates: () => ({ certificates: [localhost] }),
    },
  )
  t.teardown(setting.close)
  const { stdout, stderr } = await dumped(t, Number(new URL(setting.url).port))
  t.match(stdout, `<p id="told">${EACH} ${EACH} ${2 * EACH}</p>`, stderr.slice(-500))
  t.equal(setting.server.proxy.begun, 2 * EACH + 1)
  t.equal(setting.sessions.length, 1, 'all on one backend connection')
})

/** Its `load` event waits for the image, which comes when the WebSocket has had its echo. */
const TALKING = `<!doctype html><title>talking</title><link rel="icon" href="data:,"><p id="told">not yet</p>
<script>
const socket = new WebSocket('wss://' + location.host + '/chat')
socket.onopen = () => socket.send('hello')
socket.onmessage = (event) => { told.textContent = 'heard ' + event.data; socket.close(1000) }
socket.onerror = () => { told.textContent = 'error' }
</script>
<img src="/heard">`

t.test('a WebSocket of a page over HTTP/2', { skip: unlessInstalled('chromium') }, async (t) => {
  const pages = await pageBackend(t)
  const backend = await webSocketBackend('http', (socket) => {
    socket.on('message', (data) => socket.send(`${data} yourself`))
    socket.on('close', () => pages.heard())
  })
  t.teardown(() => backend.close())
  const proxy = await proxyTo(t, backend.url, {
    secure: true,
    more: {
      routes: [
        { host: '', prefix: '/chat', url: backend.url },
        { host: '', prefix: '/', url: pages.url },
      ],
    },
  })
  const { stdout, stderr } = await dumped(t, proxy.port, '--timeout=20000')
  t.match(stdout, '<p id="told">heard hello yourself</p>', stderr.slice(-500))
  t.match(backend.asked, [{ path: '/chat', headers: { via: '2 fermata' } }], 'by extended CONNECT')
})

/** Gives the page, and its image when `heard` was called. */
async function pageBackend(t: Test) {
  let heard: () => void = () => {}
  const whenHeard = new Promise<void>((resolve) => {
    heard = resolve
  })
  const port = await nodeServer(t, (request, response) => {
    const image = request.url === '/heard'
    response.setHeader('content-type', image ? 'image/svg+xml' : 'text/html')
    if (image) void whenHeard.then(() => response.end(IMAGE))
    else response.end(TALKING)
  })
  return { url: `http://127.0.0.1:${port}`, heard: () => heard() }
}
