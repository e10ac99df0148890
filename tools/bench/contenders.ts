// The proxies that are compared, and their start in front of a backend. They write no access log, have one
// worker, and keep their connections to the backend.

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram, freePort, type Program, start } from '../testbed/programs.js'
import {
  CACHE,
  CACHE_COPY,
  certificate,
  compiled,
  configured,
  FILE,
  FILE_COPY,
  FILTERED,
  FILTERLESS,
  key,
} from './configured.js'
import { NGINX_CACHE, nginxCache } from './nginx-cache.js'

/** The protocols to clients, over TLS or not, and to a backend. */
export type Spoken = 'h1' | 'h2c'
export interface Way {
  readonly client: Spoken | 'h2'
  readonly backend: Spoken
}

export const H2C: Way = { client: 'h2c', backend: 'h2c' }

export interface Route {
  /** The :authority that goes to this backend instead. */
  readonly host: string
  readonly port: number
}

export interface Command {
  readonly command: string
  readonly args: readonly string[]
}

export interface Contender {
  readonly name: string
  /** Its share of the requests: the slow one gets fewer, since the figures are per request. */
  readonly share: number
  /** The program that must be installed. */
  readonly program: string
  /** Returns the command; null if it does not know one of the protocols. */
  command(way: Way, port: number, backendPort: number, routes: readonly Route[]): Command | null
}

const backendUrl = (protocol: Spoken, port: number): string =>
  `${protocol === 'h1' ? 'http' : 'h2c'}://127.0.0.1:${port}`

export const fermata = (
  more: readonly string[] = [],
  nodeArgs: readonly string[] = [],
  name = 'fermata',
  folder = compiled,
): Contender => ({
  name,
  share: 1,
  program: 'node',
  command: (way, port, backendPort, routes) => ({
    command: process.execPath,
    args: [
      ...nodeArgs,
      join(folder, 'src', 'main.js'),
      'serve',
      '--listen',
      `${way.client === 'h2' ? 'https' : 'http'}://127.0.0.1:${port}`,
      ...(way.client === 'h2' ? ['--cert', certificate, '--key', key] : []),
      '--backend',
      backendUrl(way.backend, backendPort),
      ...routes.flatMap((each) => ['--route', `${each.host}/=${backendUrl(way.backend, each.port)}`]),
      ...more,
    ],
  }),
})

export const nghttpx: Contender = {
  name: 'nghttpx',
  share: 1,
  program: 'nghttpx',
  command: (way, port, backendPort, routes) => {
    const proto = way.backend === 'h1' ? 'http/1.1' : 'h2'
    return {
      command: 'nghttpx',
      args: [
        '--conf=/dev/null',
        `--frontend=127.0.0.1,${port}${way.client === 'h2' ? '' : ';no-tls'}`,
        ...routes.map((each) => `--backend=127.0.0.1,${each.port};${each.host}/;proto=${proto};no-tls`),
        `--backend=127.0.0.1,${backendPort};;proto=${proto};no-tls`,
        '--workers=1',
        '--errorlog-file=/dev/null',
        ...(way.client === 'h2' ? ['--no-ocsp', key, certificate] : []),
      ],
    }
  },
}

/** A program of this folder: `FILE.js PORT BACKEND_PORT`, from HTTP/1.1 to HTTP/1.1. */
const http1Program = (name: string, file: string): Contender => ({
  name,
  share: 1,
  program: 'node',
  command: (way, port, backendPort) =>
    way.client === 'h1' && way.backend === 'h1'
      ? {
          command: process.execPath,
          args: [join(import.meta.dirname, file), String(port), String(backendPort)],
        }
      : null,
})

export const plain: Contender = {
  name: 'node',
  share: 0.25,
  program: 'node',
  command: (way, port, backendPort, routes) =>
    way.client === 'h2c' && way.backend === 'h2c'
      ? {
          command: process.execPath,
          args: [
            join(import.meta.dirname, 'plain-proxy.js'),
            String(port),
            `http://127.0.0.1:${backendPort}`,
            ...routes.map((each) => `${each.host}=http://127.0.0.1:${each.port}`),
          ],
        }
      : null,
}

/** A copy of fermata: the distance between two equal programs is the error of a ratio. */
export const COPY = 'fermata-copy'

/** Fermata with an access log in JSON. */
export const LOGGED = 'fermata-logged'

export const contenderNames = [
  'fermata',
  COPY,
  LOGGED,
  FILE,
  FILE_COPY,
  FILTERLESS,
  FILTERED,
  CACHE,
  CACHE_COPY,
  'nghttpx',
  NGINX_CACHE,
  'node',
  'relay',
  'http-proxy',
  'fastify',
] as const
/** The contenders that are measured unless the scenario names others, or others are asked for. */
export const contendersUsual: readonly string[] = [
  'fermata',
  'nghttpx',
  'node',
  'relay',
  'http-proxy',
  'fastify',
]

/** Another build of Fermata. */
export const BEFORE = 'before'
/** Fermata with a debugger attached, and with a breakpoint that is never met. */
export const ATTACHED = 'attached'
export const BREAKPOINT = 'breakpoint'

/** Returns the address at which a debugger attaches to this contender. */
export const debugAddress = (folder: string, name: string): string => `unix:${join(folder, `${name}.sock`)}`

/** Fermata, a copy of it, the build in this folder, and Fermata with debuggers, which attach in `sockets`. */
export function againstBuild(
  folder: string,
  sockets: string,
  args: readonly string[],
  nodeArgs: readonly string[],
): readonly Contender[] {
  const debugged = (name: string): Contender =>
    fermata([...args, '--debug', debugAddress(sockets, name)], nodeArgs, name)
  return [
    fermata(args, nodeArgs),
    fermata(args, nodeArgs, COPY),
    fermata(args, nodeArgs, BEFORE, join(folder, 'dist')),
    debugged(ATTACHED),
    debugged(BREAKPOINT),
  ]
}

/** Returns the contenders with these names; reports on stderr which of them is not installed. */
export function contenders(
  names: readonly string[],
  fermataArgs: readonly string[] = [],
  fermataNodeArgs: readonly string[] = [],
): readonly Contender[] {
  const all = [
    fermata(fermataArgs, fermataNodeArgs),
    fermata(fermataArgs, fermataNodeArgs, COPY),
    fermata([...fermataArgs, '--access-log', join(tmpdir(), 'fermata-bench.log')], fermataNodeArgs, LOGGED),
    ...configured(fermataNodeArgs),
    nghttpx,
    nginxCache,
    plain,
    http1Program('relay', 'relay.js'),
    http1Program('http-proxy', 'http-proxy.js'),
    http1Program('fastify', 'fastify-proxy.js'),
  ]
  return all.filter((each) => {
    if (!names.includes(each.name)) return false
    if (each.program === 'node' || findProgram(each.program) !== null) return true
    console.error(`${each.program} is not installed: left out`)
    return false
  })
}

export interface Started {
  readonly contender: Contender
  readonly program: Program
  readonly port: number
}

/** Starts a contender; null if it does not support this way. */
export async function startContender(
  contender: Contender,
  way: Way,
  backendPort: number,
  routes: readonly Route[] = [],
  before: readonly string[] = [],
): Promise<Started | null> {
  const port = await freePort()
  const command = contender.command(way, port, backendPort, routes)
  if (command === null) return null
  const [program, ...args] = [...before, command.command, ...command.args] as [string, ...string[]]
  return { contender, program: await start(program, args, { port }), port }
}
