// Installed programs as peers for tests and benchmarks: finds a program, starts it, knows by an event when it
// is ready, stops it, and reads its output. Nothing here sleeps for a guessed time. Every program that was
// started is killed when this process ends, however it ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'

export const programLimits = {
  /** The longest time until a program accepts connections. */
  readyTimeoutMs: 10_000,
  /** The time between two attempts to connect to a program that is not ready. */
  attemptIntervalMs: 5,
  /** The longest time in which a program ends after SIGTERM, before SIGKILL. */
  stopTimeoutMs: 3_000,
  /** The longest time of a program that is waited for. */
  runTimeoutMs: 120_000,
  /** the most octets kept of a program's output: the last ones */
  outputMax: 8_388_608,
} as const

/** Directories that hold servers but are not on every user's PATH. */
const serverDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Returns the full path of a program, or null. */
export function findProgram(name: string): string | null {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((each) => each !== '')
  for (const directory of [...directories, ...serverDirectories]) {
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      // The program is not here: the next directory follows.
    }
  }
  return null
}

/**
 * Ports that no system gives by itself, neither to an outgoing connection nor to a listener of another test
 * that asks for any port.
 */
const STEADY_PORTS = [12_000, 32_000] as const

/** Finds a port of 127.0.0.1 that is free, and stays free until a program of this test takes it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...STEADY_PORTS)
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.on('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/**
 * Returns a value for tap's `skip` option: false if all these programs are installed, else a sentence that
 * names a missing one. CI looks for the words "is not installed", since there nothing may be skipped.
 */
export function unlessInstalled(...names: readonly string[]): string | false {
  const missing = names.filter((each) => findProgram(each) === null)
  if (missing.length === 0) return false
  return missing.map((each) => `${each} is not installed`).join(', ')
}

/** Returns true if something on 127.0.0.1 accepts a connection to this port now. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

export interface StartOptions {
  /** The program is ready when this port of 127.0.0.1 accepts connections. */
  readonly port?: number
  /** The program is ready when its output matches. */
  readonly line?: RegExp
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly readyTimeoutMs?: number
  /** True: its standard input is a pipe, for {@link Program.type}. */
  readonly input?: boolean
  /** True: it is a Node program that exchanges messages: {@link Program.ask}. */
  readonly messages?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Removes tap's own hook from the environment of a child: loading it takes longer than our whole program. */
const plainly = (path: string, args: readonly string[]): [string, readonly string[]] =>
  process.env['TAP'] === undefined ? [path, args] : ['env', ['-u', 'NODE_OPTIONS', path, ...args]]

/** A running program. Each is a process group of its own, so that its children end with it. */
export class Program {
  readonly name: string
  readonly pid: number
  /** Settles when the program has ended and its output is complete. Never rejects. */
  readonly exited: Promise<Exit>
  exit: Exit | null = null
  stdout = ''
  stderr = ''
  private readonly process: ChildProcess
  private readonly watchers: (() => void)[] = []

  constructor(command: string, args: readonly string[], options: StartOptions = {}) {
    const path = command.includes('/') ? command : findProgram(command)
    if (path === null) throw new Error(`${command} is not installed`)
    this.name = command
    this.process = spawn(...plainly(path, args), {
      detached: true,
      stdio: [
        options.input === true ? 'pipe' : 'ignore',
        'pipe',
        'pipe',
        ...(options.messages === true ? (['ipc'] as const) : []),
      ],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    })
    this.pid = this.process.pid ?? -1
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-programLimits.outputMax)
      this.tell()
    })
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-programLimits.outputMax)
      this.tell()
    })
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        running.delete(this)
        this.exit = exit
        this.tell()
        resolve(exit)
      }
      this.process.on('error', (error) => {
        this.stderr += `${error.message}\n`
        if (this.process.pid === undefined) end({ code: null, signal: null })
      })
      this.process.on('close', (code, signal) => end({ code, signal }))
    })
    if (this.process.pid !== undefined) {
      running.add(this)
      killAllOnExit()
    }
  }

  get output(): string {
    return this.stdout + this.stderr
  }

  /** Waits until `holds` returns true; it is asked again after each output and at the end of the program. */
  until(what: string, holds: () => boolean, timeoutMs: number = programLimits.readyTimeoutMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error: string | null): void => {
        clearTimeout(timer)
        this.watchers.splice(this.watchers.indexOf(look), 1)
        if (error === null) resolve()
        else reject(new Error(`${this.name} ${error} before ${what}:\n${this.output}`))
      }
      const look = (): void => {
        if (holds()) finish(null)
        else if (this.exit !== null) finish(`ended (${this.exit.code ?? this.exit.signal})`)
      }
      const timer = setTimeout(() => finish(`took ${timeoutMs} ms and more`), timeoutMs)
      this.watchers.push(look)
      look()
    })
  }

  /** Waits until a port accepts. It attempts to connect again each time an attempt was refused. */
  untilAccepting(port: number, timeoutMs: number = programLimits.readyTimeoutMs): Promise<void> {
    let accepted = false
    let over = false
    const attempt = async (): Promise<void> => {
      while (!over && !accepted) {
        accepted = await accepts(port)
        if (!accepted) await new Promise((next) => setTimeout(next, programLimits.attemptIntervalMs))
      }
      this.tell()
    }
    void attempt()
    return this.until(`it accepted on port ${port}`, () => accepted, timeoutMs).finally(() => {
      over = true
    })
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.process.stdin?.write(text)
  }

  /** Returns its next message, with the type that the caller expects. */
  next<Message>(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`${this.name} has ended:\n${this.output}`))
      this.process.once('exit', ended)
      this.process.once('message', (message) => {
        this.process.off('exit', ended)
        resolve(message as Message)
      })
    })
  }

  /** Sends a message, and returns the answer. */
  ask<Answer>(question: string | object): Promise<Answer> {
    const answer = this.next<Answer>()
    this.process.send?.(question)
    return answer
  }

  /** Ends its standard input. */
  end(): void {
    this.process.stdin?.end()
  }

  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.pid, signal)
    } catch {
      // The program has ended.
    }
  }

  /** Sends SIGTERM, then SIGKILL to its whole group if that is not enough. Settles when it has ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM')
    const timer = setTimeout(() => this.kill(), programLimits.stopTimeoutMs)
    const exit = await this.exited
    clearTimeout(timer)
    this.kill()
    return exit
  }

  /** Sends SIGKILL to the program and its children, at once. */
  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // All of them have ended.
    }
  }

  private tell(): void {
    for (const watcher of [...this.watchers]) watcher()
  }
}

const running = new Set<Program>()

/** Kills the programs that still run. */
export function killAll(): void {
  for (const program of running) program.kill()
}

const endings = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

function killAllOnExit(): void {
  if (process.listeners('exit').includes(killAll)) return
  process.on('exit', killAll)
  for (const [signal, code] of Object.entries(endings)) process.on(signal, () => process.exit(code))
}

/** Starts a program; settles when it is ready. */
export async function start(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Program> {
  const program = new Program(command, args, options)
  const timeoutMs = options.readyTimeoutMs ?? programLimits.readyTimeoutMs
  try {
    const { port, line } = options
    if (line !== undefined) await program.until(`it said ${line}`, () => line.test(program.output), timeoutMs)
    if (port !== undefined) await program.untilAccepting(port, timeoutMs)
  } catch (error) {
    program.kill()
    throw error
  }
  return program
}

export interface Result extends Exit {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program to its end. Fails only if it takes longer than `timeoutMs`; the caller judges the exit code.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: Pick<StartOptions, 'cwd' | 'env'> & { readonly timeoutMs?: number } = {},
): Promise<Result> {
  const program = new Program(command, args, options)
  const timeoutMs = options.timeoutMs ?? programLimits.runTimeoutMs
  let late = false
  const timer = setTimeout(() => {
    late = true
    program.kill()
  }, timeoutMs)
  const exit = await program.exited
  clearTimeout(timer)
  if (late) throw new Error(`${command} took more than ${timeoutMs} ms:\n${program.output.slice(-2000)}`)
  return { ...exit, stdout: program.stdout, stderr: program.stderr }
}
