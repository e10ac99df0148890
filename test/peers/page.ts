// Pages that headless Chromium runs: a script does what it likes, and tells the test.

import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { run } from '../../tools/testbed/programs.js'
import { once } from '../world/proxy-world.js'

/** Starts a server of Node's, which ends with the test. Returns its port. */
export async function nodeServer(t: Test, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** The page's `load` event waits for the image, which comes when the script has told all. */
const pageOf = (script: string) => `<!doctype html><title>a page</title><link rel="icon" href="data:,">
<img src="/page-told">
<script type="module">
let told
try {
  told = await (async () => {${script}})()
} catch (error) {
  told = String(error)
}
await fetch('/page-tells', { method: 'POST', body: JSON.stringify(told) })
</script>`

/** Serves one page, and hears what its script returns. */
export class Page {
  told: unknown = null
  private readonly script: string
  private image: ServerResponse | null = null
  private isOver = false

  /** @param script the body of an async function, which returns what is to be told */
  constructor(script: string) {
    this.script = script
  }

  /** Answers what belongs to the page; returns false for all other requests. */
  readonly take = (...[request, response]: Parameters<RequestListener>): boolean => {
    switch (request.url) {
      case '/':
        response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' })
        response.end(pageOf(this.script))
        return true
      case '/page-told':
        this.image = response
        this.show()
        return true
      case '/page-tells': {
        let text = ''
        request.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        request.on('end', () => {
          this.told = JSON.parse(text)
          this.isOver = true
          response.end()
          this.show()
        })
        return true
      }
      default:
        return false
    }
  }

  private show(): void {
    if (!this.isOver) return
    this.image?.writeHead(204)
    this.image?.end()
  }
}

/** Runs Chromium until the page at this URL has loaded. Returns its output. */
export const browse = (t: Test, url: string, ...more: readonly string[]) =>
  run(
    'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-proxy-server',
      `--user-data-dir=${t.testdir({})}`,
      ...(more.length > 0 ? more : ['--timeout=25000']),
      '--dump-dom',
      url,
    ],
    { timeoutMs: 60_000 },
  )
