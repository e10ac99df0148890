// A redis-server of this machine with the proxy before it, and clients that say what a test wants.

import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { freePort, start } from '../../tools/testbed/programs.js'
import { redisCli, startRedis } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'

/** A server, and the proxy before it. */
export async function beginRedis(t: Test, ...options: string[]) {
  const redis = await startRedis()
  const port = await freePort()
  const args = [
    'dist/src/main.js',
    'redis',
    '--listen',
    `127.0.0.1:${port}`,
    '--backend',
    `127.0.0.1:${redis.port}`,
  ]
  const proxy = await start(process.execPath, [...args, ...options], {
    port,
    cwd: root,
    readyTimeoutMs: 60_000,
  })
  t.teardown(async () => {
    await proxy.stop()
    await redis.program.stop()
  })
  return { redis, port, proxy }
}

/** Returns the number of connections of the server, besides the one that asks. */
export const connections = (port: number): number =>
  redisCli(port, 'CLIENT', 'LIST').trim().split('\n').length - 1

/** A plain client: what it says, and all that it hears. */
export class Plain {
  heard = ''
  readonly socket: Socket
  private readonly waiting = new Set<() => void>()

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('data', (bytes) => {
      this.heard += bytes.toString('latin1')
      for (const each of this.waiting) each()
    })
  }

  /** Says this, and waits for this number of lines of answers. */
  ask(text: string, lines: number): Promise<string> {
    this.heard = ''
    this.socket.write(text, 'latin1')
    return this.hears(lines)
  }

  /** Waits until it has heard this number of lines since it last spoke. */
  async hears(lines: number): Promise<string> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (this.heard.split('\n').length <= lines) return
        this.waiting.delete(look)
        resolve()
      }
      this.waiting.add(look)
      look()
    })
    return this.heard
  }
}
