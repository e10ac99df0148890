// A client of a server's debugger, in a process of its own: it speaks the Debug Adapter Protocol over TCP or
// a Unix-domain socket.

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
} from '../debugger/dap-codec.js'
import {
  addressOf,
  codeOf,
  HttpAnswered,
  RefusedError,
  TerminalError,
  type TerminalOptions,
  TOKEN_VARIABLE,
  tokenOf,
} from './connecting.js'
import { type TerminalLimits, terminalLimits } from './limits.js'

/** Makes the error for a failed connection, which says what to do. */
function unreachable(address: string, error: unknown): TerminalError {
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM')
    return new TerminalError(
      `this user may not open ${address} (${code}): only the user of the server may attach there`,
    )
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new TerminalError(`no host is known by the name in ${address} (${code})`)
  return new TerminalError(`no debugger is at ${address} (${code}): start the server with --debug ${address}`)
}

/** Opens the connection. */
function open(address: string, { connectMs }: TerminalLimits): Promise<Socket> {
  const to = addressOf(address)
  return new Promise((resolve, reject) => {
    const socket = connect(to)
    const timer = setTimeout(() => socket.destroy(new Error(`no answer in ${connectMs / 1000} s`)), connectMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(unreachable(address, error))
    })
  })
}

/** The beginning of an answer in HTTP. */
const HTTP = Buffer.from('HTTP/')

interface Asked {
  readonly resolve: (body: DapObject) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export class Client {
  /** Is told of each event. */
  onEvent: (event: string, body: DapObject) => void = () => {}
  /** Is told when the server has closed the connection, and why. */
  onClosed: (error: TerminalError) => void = () => {}
  private readonly address: string
  private readonly limits: TerminalLimits
  private readonly socket: Socket
  private readonly reader: DapReader<DapResponse | DapEvent>
  private readonly asked = new Map<number, Asked>()
  private seq = 0
  /** True once a message has come: the server is a debugger. */
  private heard = false
  /** True if the listener that answers speaks HTTP. */
  private isHttp = false
  /** The fault of an input that was no message of a debugger; '' without one. */
  private fault = ''
  /** The reason why nothing can be asked any more; null while questions are possible. */
  private closed: TerminalError | null = null

  private constructor(address: string, limits: TerminalLimits, socket: Socket) {
    this.address = address
    this.limits = limits
    this.socket = socket
    this.reader = new DapReader<DapResponse | DapEvent>(limits.answerBytesMax, checkAnswer)
    socket.on('data', (chunk) => this.take(chunk))
    // `close` follows it.
    socket.on('error', () => {})
    socket.on('close', () => this.lost())
  }

  /** Connects, does this work, and disconnects, however the work ends. */
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
  static async attach(
    address: string,
    options: TerminalOptions,
    limits: TerminalLimits = terminalLimits,
  ): Promise<Client> {
    const token = tokenOf(options, TOKEN_VARIABLE)
    const client = new Client(address, limits, await open(address, limits))
    try {
      await client.request('initialize', { clientID: 'fermata', adapterID: 'fermata' })
      const { worker } = options
      await client.request('attach', {
        ...(token === undefined ? {} : { token }),
        ...(worker === undefined ? {} : { worker }),
      })
      return client
    } catch (error) {
      client.end()
      const isOfToken = error instanceof RefusedError && error.message.includes('token')
      if (token !== undefined || !isOfToken) throw error
      throw new TerminalError(
        `the debugger at ${address} wants a token: give --token-file FILE, or set ${TOKEN_VARIABLE}`,
      )
    }
  }

  request(command: string, given: DapObject = {}): Promise<DapObject> {
    if (this.closed !== null) return Promise.reject(this.closed)
    const seq = ++this.seq
    this.socket.write(dapBytes({ seq, type: 'request', command, arguments: given }))
    return new Promise((resolve, reject) => {
      const { answerMs } = this.limits
      const timer = setTimeout(() => {
        this.asked.delete(seq)
        reject(new TerminalError(`the server has not answered '${command}' in ${answerMs / 1000} s`))
      }, answerMs)
      this.asked.set(seq, { resolve, reject, timer })
    })
  }

  /** Runs a command of the debugger. */
  async run(expression: string): Promise<string> {
    const { result } = await this.request('evaluate', { expression, context: 'repl' })
    return typeof result === 'string' ? result : ''
  }

  /** Disconnects. It does not wait for the server, which may have stopped answering. */
  end(): void {
    this.onClosed = () => {}
    this.socket.destroy()
  }

  private lost(): void {
    const error = this.isHttp ? new HttpAnswered(this.whyLost()) : new TerminalError(this.whyLost())
    this.closed = error
    for (const { reject, timer } of this.asked.values()) {
      clearTimeout(timer)
      reject(error)
    }
    this.asked.clear()
    this.onClosed(error)
  }

  private whyLost(): string {
    if (this.fault !== '')
      return `what answers at ${this.address} is not a debugger of Fermata: ${this.fault}`
    if (this.heard) return 'the server has closed the connection'
    return `${this.address} closed the connection without an answer: it is not a debugger, or debugger.sessionsMax debuggers are attached`
  }

  private take(chunk: Buffer): void {
    if (!this.heard && chunk.subarray(0, HTTP.length).equals(HTTP)) this.isHttp = true
    for (let at = 0; at < chunk.length; ) {
      at = this.reader.read(chunk, at, chunk.length)
      if (this.reader.found === MORE) continue
      if (this.reader.found !== MESSAGE) {
        this.fault = this.reader.fault
        this.socket.destroy()
        return
      }
      this.message(this.reader.message as DapResponse | DapEvent)
    }
  }

  private message(message: DapResponse | DapEvent): void {
    this.heard = true
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
    else asked.reject(new RefusedError(message.message ?? 'the server refuses it, and does not say why'))
  }
}
