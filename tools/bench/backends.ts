// The backends behind the measured proxies: one for each protocol, the cheapest available.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nginxConfiguration } from '../testbed/nginx.js'
import { findProgram, freePort, start } from '../testbed/programs.js'
import type { Spoken } from './contenders.js'

/**
 * Starts a server of the files in this folder by this protocol; returns its port.
 * @param streams the streams that it allows on a connection of HTTP/2
 */
export async function startBackend(protocol: Spoken, folder: string, streams: number): Promise<number> {
  const port = await freePort()
  if (protocol === 'h2c') {
    const options = ['--no-tls', '--address=127.0.0.1', '--workers=1', `--max-concurrent-streams=${streams}`]
    await start('nghttpd', [...options, `--htdocs=${folder}`, String(port)], { port })
  } else if (findProgram('nginx') !== null) {
    const file = join(folder, 'nginx.conf')
    // Files in memory, as a backend in Node would have them: only the proxy before it is measured.
    const server = `
      default_type text/plain;
      location = /small { return 200 "twelve bytes"; }
      location = /cached { add_header cache-control max-age=86400; return 200 "twelve bytes"; }
      location = /status { stub_status; }`
    writeFileSync(file, nginxConfiguration(folder, port, { server }))
    await start('nginx', ['-p', folder, '-e', 'stderr', '-c', file], { port })
  } else {
    await start(process.execPath, [join(import.meta.dirname, 'prompt-http1.js'), String(port)], { port })
  }
  return port
}

/** Returns the number of requests to nginx so far, including this one. */
export async function requestsOf(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/status`)).text()
  return Number(/^ *\d+ \d+ (\d+) *$/m.exec(text)?.[1])
}
