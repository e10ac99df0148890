// The Go peers of ./go: HTTP/2 and gRPC as Go speaks them. `.ci/run` builds them before the tests, as Go's
// first build takes ten seconds and more; a test that finds none, or older ones, builds them.

import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Program, run, start, unlessInstalled } from '../../tools/testbed/programs.js'

const root = join(import.meta.dirname, '..', '..', '..')
const source = join(root, 'test', 'peers', 'go')
const built = join(root, 'dist', 'peers', 'go-peers')
/** Debian's packages of Go libraries are here, and no module is fetched from anywhere. */
const libraries = '/usr/share/gocode'

/** For tap's `skip` option. */
export function unlessGo(): string | false {
  const missing = unlessInstalled('go')
  if (missing !== false) return missing
  const packages = {
    'golang-golang-x-net-dev': 'golang.org/x/net',
    'golang-google-grpc-dev': 'google.golang.org/grpc',
  }
  for (const [name, path] of Object.entries(packages)) {
    if (!existsSync(join(libraries, 'src', path))) return `${name} is not installed`
  }
  return false
}

/** Builds the peers under another name and moves them into their place: another process may do the same. */
async function build(): Promise<void> {
  const begun = `${built}.${process.pid}`
  mkdirSync(join(built, '..'), { recursive: true })
  const { code, stderr } = await run('go', ['build', '-o', begun, './test/peers/go'], {
    cwd: root,
    env: { GO111MODULE: 'off', GOPATH: libraries, GOFLAGS: '' },
  })
  if (code !== 0) throw new Error(`go build: ${stderr}`)
  renameSync(begun, built)
}

/** When a file of the source was changed last. */
function newest(): number {
  return Math.max(...readdirSync(source).map((file) => statSync(join(source, file)).mtimeMs))
}

let ready: Promise<void> | null = null

/** The path of the peers, built if they are older than their source. */
export async function goPeers(): Promise<string> {
  ready ??= !existsSync(built) || statSync(built).mtimeMs < newest() ? build() : Promise.resolve()
  await ready
  return built
}

export interface GoServer {
  readonly program: Program
  readonly port: number
}

/** Starts a server of the peers; settles when it listens. */
export async function startGo(
  peer: 'h2-server' | 'grpc-server',
  ...flags: readonly string[]
): Promise<GoServer> {
  const program = await start(await goPeers(), [peer, ...flags], { line: /listening on/, input: true })
  return { program, port: Number(/listening on \S+:(\d+)/.exec(program.stdout)?.[1]) }
}

/** The results of the requests of a client of the peers. */
export interface Tally {
  readonly answered: number
  readonly failed: number
  readonly bytesRead: number
  readonly seconds: number
  /** The number of failures, by message. */
  readonly errors: Readonly<Record<string, number>>
}

/** Runs a client of the peers to its end. */
export async function runGo(peer: 'h2-client' | 'grpc-client', ...flags: readonly string[]): Promise<Tally> {
  const { code, stdout, stderr } = await run(await goPeers(), [peer, ...flags])
  if (code !== 0) throw new Error(`${peer}: ${stderr}`)
  return JSON.parse(stdout) as Tally
}
