// Headless Chromium in front of Fermata, over TLS: a page of a hundred resources by HTTP/2. The page tells in its own text what came,
// and by which protocol.

import t from 'tap'
import { localhost } from '../world/certificates/index.js'
import { type OnStream, setUp } from '../world/proxy-world.js'
import { run, unlessInstalled } from './programs.js'

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
  const { stdout, stderr } = await run(
    'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--ignore-certificate-errors',
      '--no-proxy-server',
      `--user-data-dir=${t.testdir({})}`,
      '--virtual-time-budget=60000',
      '--dump-dom',
      `https://localhost:${new URL(setting.url).port}/`,
    ],
    { timeoutMs: 60_000 },
  )
  t.match(stdout, `<p id="told">${EACH} ${EACH} ${2 * EACH}</p>`, stderr.slice(-500))
  t.equal(setting.server.proxy.begun, 2 * EACH + 1)
  t.equal(setting.sessions.length, 1, 'all on one backend connection')
})
