// A client of a server's debugger, in a process of its own: it speaks the Debug Adapter Protocol over TCP or
// a Unix-domain socket.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import {
  checkAnswer,
  type DapEvent,
  type DapObject,
  DapReader,
  type DapResponse,
  dapBytes,
  MESSAGE,
  MORE,
} from '../debugger/index.js'

/** The address of a debugger, where none is given. */
export const DEFAULT_ADDRESS = '127.0.0.1:4711'
/** The variable that has the token, where no file is given. */
export const TOKEN_VARIABLE = 'FERMATA_DEBUG_TOKEN'

/** The bytes of one answer. A list of 10,000 requests has about 5 MB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
/** ms that an answer may take */
const ANSWER_MS = 10_000

/** What went wrong, and what to do, for the person at the terminal. */
export class TerminalError extends Error {
  override name = 'TerminalError'
}

export interface TerminalOptions {
  readonly tokenFile?: string
}

/** Reads an address of the command line: `HOST:PORT`, `PORT` or `unix:PATH`. */
export function addressOf(text: string): { host: string; port: number } | { path: string } {
  if (text.startsWith('unix:')) return { path: text.slice(5) }
  const parts = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(text)
  if (parts === null) throw new TerminalError(`'${text}' is not an address: write HOST:PORT or unix:PATH`)
  return { host: (parts[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port: Number(parts[2]) }
}

function tokenOf({ tokenFile }: TerminalOptions): string | undefined {
  if (tokenFile === undefined) return process.env[TOKEN_VARIABLE]
  try {
    return readFileSync(tokenFile, 'utf8').trim()
  } catch {
    throw new TerminalError(`--token-file ${tokenFile} cannot be read`)
  }
}

interface Asked {
  readonly resolve: (body: DapObject) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export class Client {
  /** Is told of each event. */
  onEvent: (event: string, body: DapObject) => void = () => {}
  /** Is called when the server has closed the connection. */
  onClosed: () => void = () => {}
  private readonly socket: Socket
  private readonly reader = new DapReader<DapResponse | DapEvent>(ANSWER_BYTES_MAX, checkAnswer)
  private readonly asked = new Map<number, Asked>()
  private seq = 0
  private closed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => this.take(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      for (const [, { reject, timer }] of this.asked) {
        clearTimeout(timer)
        reject(new TerminalError('the server has closed the connection'))
      }
      this.asked.clear()
      this.onClosed()
    })
  }

  /** Connects, does this work, and leaves, however the work ends. */
  static async with(
    address: string,
    options: TerminalOptions,
    work: (client: Client) => Promise<void>,
  ): Promise<void> {
    const client = await Client.attach(address, options)
    try {
      await work(client)
    } finally {
      client.end()
    }
  }

  /** Connects and attaches. */
  static async attach(address: string, options: TerminalOptions): Promise<Client> {
    const to = addressOf(address)
    const token = tokenOf(options)
    const socket = await new Promise<Socket>((resolve, reject) => {
      const made = connect(to)
      made.once('connect', () => resolve(made))
      made.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new TerminalError(
            `no debugger is at ${address} (${error.code ?? error.message}): start the server with --debug ${address}`,
          ),
        ),
      )
    })
    const client = new Client(socket)
    await client.request('initialize', { clientID: 'fermata', adapterID: 'fermata' })
    try {
      await client.request('attach', token === undefined ? {} : { token })
    } catch (error) {
      client.end()
      if (token !== undefined || !(error instanceof TerminalError)) throw error
      throw new TerminalError(
        `the debugger at ${address} wants a token: give --token-file FILE, or set ${TOKEN_VARIABLE}`,
      )
    }
    return client
  }

  request(command: string, given: DapObject = {}): Promise<DapObject> {
    if (this.closed) return Promise.reject(new TerminalError('the server has closed the connection'))
    const seq = ++this.seq
    this.socket.write(dapBytes({ seq, type: 'request', command, arguments: given }))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.asked.delete(seq)
        reject(new TerminalError(`the server has not answered '${command}' in ${ANSWER_MS / 1000} s`))
      }, ANSWER_MS)
      this.asked.set(seq, { resolve, reject, timer })
    })
  }

  /** Runs a command of the debugger. */
  async run(expression: string): Promise<string> {
    const { result } = await this.request('evaluate', { expression, context: 'repl' })
    return typeof result === 'string' ? result : ''
  }

  end(): void {
    this.socket.end()
  }

  private take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      at = this.reader.read(chunk, at, chunk.length)
      if (this.reader.found === MORE) continue
      if (this.reader.found !== MESSAGE) {
        this.socket.destroy(new Error(this.reader.fault))
        return
      }
      this.message(this.reader.message as DapResponse | DapEvent)
    }
  }

  private message(message: DapResponse | DapEvent): void {
    const body = (message.body ?? {}) as DapObject
    if (message.type === 'event') {
      this.onEvent(message.event, body)
      return
    }
    const asked = this.asked.get(message.request_seq)
    if (asked === undefined) return
    this.asked.delete(message.request_seq)
    clearTimeout(asked.timer)
    if (message.success) asked.resolve(body)
    else asked.reject(new TerminalError(message.message ?? 'refused'))
  }
}
