// A redis-server of the machine for tests, tools and benchmarks: on its own port, without a file.

import { execFileSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { freePort, type Program, start } from './programs.js'

export interface RedisServer {
  readonly port: number
  readonly program: Program
}

/** Starts a redis-server; settles when it answers and its data is loaded. */
export async function startRedis(args: readonly string[] = [], port?: number): Promise<RedisServer> {
  const at = port ?? (await freePort())
  const own = ['--port', String(at), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const program = await start('redis-server', [...own, ...args], { port: at })
  while (!redisCli(at, 'PING').startsWith('PONG')) await setTimeout(20)
  return { port: at, program }
}

/** Runs redis-cli with these words, and returns what it prints. */
export const redisCli = (port: number, ...words: string[]): string =>
  execFileSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8', maxBuffer: 64 << 20 })
