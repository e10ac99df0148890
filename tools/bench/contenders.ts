// The proxies that are compared, and how each is started in front of a backend. All speak h2c on both
// sides, write no access log, and have one worker.

import { join } from 'node:path'
import { findProgram, freePort, type Program, start } from '../../test/peers/programs.js'

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
  /** Its part of the requests: the slow one gets fewer, since the figures are per request. */
  readonly share: number
  /** What must be installed. */
  readonly program: string
  command(port: number, backendPort: number, routes: readonly Route[]): Command
}

const compiled = join(import.meta.dirname, '..', '..')
const backendUrl = (port: number): string => `h2c://127.0.0.1:${port}`

export const fermata = (more: readonly string[] = [], nodeArgs: readonly string[] = []): Contender => ({
  name: 'fermata',
  share: 1,
  program: 'node',
  command: (port, backendPort, routes) => ({
    command: process.execPath,
    args: [
      ...nodeArgs,
      join(compiled, 'src', 'main.js'),
      'serve',
      '--listen',
      `127.0.0.1:${port}`,
      '--backend',
      backendUrl(backendPort),
      ...routes.flatMap((each) => ['--route', `${each.host}/=${backendUrl(each.port)}`]),
      ...more,
    ],
  }),
})

export const nghttpx: Contender = {
  name: 'nghttpx',
  share: 1,
  program: 'nghttpx',
  command: (port, backendPort, routes) => ({
    command: 'nghttpx',
    args: [
      '--conf=/dev/null',
      `--frontend=127.0.0.1,${port};no-tls`,
      ...routes.map((each) => `--backend=127.0.0.1,${each.port};${each.host}/;proto=h2;no-tls`),
      `--backend=127.0.0.1,${backendPort};;proto=h2;no-tls`,
      '--workers=1',
      '--accesslog-file=/dev/null',
      '--errorlog-file=/dev/null',
    ],
  }),
}

export const plain: Contender = {
  name: 'node',
  share: 0.25,
  program: 'node',
  command: (port, backendPort, routes) => ({
    command: process.execPath,
    args: [
      join(import.meta.dirname, 'plain-proxy.js'),
      String(port),
      `http://127.0.0.1:${backendPort}`,
      ...routes.map((each) => `${each.host}=http://127.0.0.1:${each.port}`),
    ],
  }),
}

export const contenderNames = ['fermata', 'nghttpx', 'node'] as const

/** The contenders with these names; says on stderr which of them is not installed. */
export function contenders(
  names: readonly string[],
  fermataArgs: readonly string[] = [],
  fermataNodeArgs: readonly string[] = [],
): readonly Contender[] {
  const all = [fermata(fermataArgs, fermataNodeArgs), nghttpx, plain]
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

export async function startContender(
  contender: Contender,
  backendPort: number,
  routes: readonly Route[] = [],
): Promise<Started> {
  const port = await freePort()
  const { command, args } = contender.command(port, backendPort, routes)
  return { contender, program: await start(command, args, { port }), port }
}
