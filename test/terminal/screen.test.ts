// `fermata top` and `fermata debug` in a terminal: the keys, what is on the screen, and the terminal as it
// was when they have ended.

import { mkdtempSync, rmSync } from 'node:fs'
import * as http2 from 'node:http2'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Program, start, unlessInstalled } from '../../tools/testbed/programs.js'

const { Terminal } = createRequire(import.meta.url)('@xterm/headless') as typeof import('@xterm/headless')

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const COLUMNS = 80
const ROWS = 24
/** The number of yellow in the palette of a terminal. */
const YELLOW = 3

/** A server with a debugger. Returns the address to attach to, and the URL of the proxy. */
async function serving(t: Test): Promise<{ address: string; url: string; server: Program }> {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  const address = `unix:${join(folder, 'a.sock')}`
  const server = await start(
    process.execPath,
    [main, 'serve', '--listen', '127.0.0.1:0', '--debug', address],
    { line: /goes to/ },
  )
  t.teardown(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })
  return { address, url: `http://${/listening on (\S+)/.exec(server.stderr)?.[1]}`, server }
}

/** A command in a terminal of its own. The test reads the terminal when the command has ended. */
class Tty {
  readonly program: Program
  readonly terminal = new Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true })
  private written = 0

  /**
   * Gives the command no variables but these: CI, NO_COLOR and others tell Node that there are no colours.
   *
   * @param setting more variables, as `env` takes them
   */
  constructor(t: Test, command: string, setting = '') {
    const variables = `env -i PATH="$PATH" TERM=xterm-256color ${setting}`
    const inside = `stty cols ${COLUMNS} rows ${ROWS}; sh -c 'echo pid=$$; exec ${variables} ${process.execPath} ${main} ${command}'; echo "status=$?"; stty -a | grep -o -- '-*icanon'; echo over`
    this.program = new Program('script', ['-qec', inside, '/dev/null'], {
      input: true,
      env: { SHELL: '/bin/bash' },
    })
    t.teardown(() => this.program.kill())
  }

  get pid(): number {
    return Number(/pid=(\d+)/.exec(this.program.stdout)?.[1])
  }

  /** Returns the screen as text. */
  async screen(): Promise<string> {
    const text = this.program.stdout.slice(this.written)
    this.written = this.program.stdout.length
    await new Promise<void>((resolve) => this.terminal.write(text, resolve))
    const { active } = this.terminal.buffer
    return Array.from(
      { length: ROWS },
      (_, y) =>
        active
          .getLine(active.baseY + y)
          ?.translateToString()
          .trimEnd() ?? '',
    ).join('\n')
  }

  /** Returns the colour of the first cell of the line that begins with this, as a number of the palette. */
  colorOf(begins: string): number | undefined {
    const { active } = this.terminal.buffer
    for (let y = 0; y < ROWS; y++) {
      const line = active.getLine(active.baseY + y)
      if (line?.translateToString().startsWith(begins)) return line.getCell(0)?.getFgColor()
    }
    return undefined
  }

  /**
   * Waits until the screen shows this. Output may come in parts, and a picture is painted from its first line
   * to its last: the pattern must have the last of what is looked at then.
   */
  async shows(pattern: RegExp): Promise<string> {
    for (;;) {
      const screen = await this.screen()
      if (pattern.test(screen)) return screen
      await this.program.until(
        `it showed ${pattern} on\n${screen}`,
        () => this.program.stdout.length > this.written,
      )
    }
  }

  /** Waits for the end, and asserts that the terminal is as it was. */
  async restored(t: Test, status: number): Promise<void> {
    const screen = await this.shows(/^over$/m)
    t.match(screen, new RegExp(`^status=${status}$`, 'm'))
    t.match(screen, /^icanon$/m, 'the terminal reads lines again')
    t.equal(this.terminal.buffer.active.type, 'normal', 'and is not on the alternate screen')
    t.equal(this.program.stdout.lastIndexOf('\x1b[?25h') > this.program.stdout.lastIndexOf('\x1b[?25l'), true)
  }
}

const skip = unlessInstalled('script', 'stty', 'bash')

t.test('top: keys, and the terminal given back', { skip }, async (t) => {
  const { address, url } = await serving(t)
  const holder = await start(
    'bash',
    ['-c', `(echo 'break exchange.lease'; sleep 600) | ${process.execPath} ${main} debug ${address}`],
    { line: /#1 exchange\.lease/ },
  )
  t.teardown(() => holder.kill())
  const client = http2.connect(url)
  t.teardown(() => client.destroy())
  for (const path of ['/one', '/two', '/three']) client.request({ ':path': path }).on('error', () => {})
  const tty = new Tty(t, `top ${address}`)
  const first = await tty.shows(
    /3 in flight {2}3 held[\s\S]*m1\/s1[\s\S]*m1\/s5[\s\S]*1–3 of 3 by age {2}\? help {2}q quit/,
  )
  t.equal(tty.terminal.buffer.active.type, 'alternate')
  t.equal(tty.colorOf('m1/s1 '), YELLOW, 'a held request is yellow')
  t.match(first, /^ENGINE +BACKEND +QUEUED/m)
  tty.program.type('ss')
  t.match(await tty.shows(/by path/), /\/one[\s\S]*\/three[\s\S]*\/two/)
  tty.program.type('r')
  t.match(await tty.shows(/by path reversed/), /\/two[\s\S]*\/three[\s\S]*\/one/)
  tty.program.type('\x1b[B')
  t.match(await tty.shows(/2–3 of 3/), /\/three[\s\S]*\/one/)
  tty.program.type('?')
  await tty.shows(/any key returns/)
  tty.program.type(' /')
  await tty.shows(/filter: ▏/)
  tty.program.type('path ==\r')
  await tty.shows(/^(?!filter:|\d+–).*(?:character|expected|condition)/im)
  tty.program.type('/')
  tty.program.type("request.path == '/two'\r")
  t.notMatch(await tty.shows(/1–1 of 1 by path reversed where request\.path == '\/two'/), '/one')
  tty.program.type('q')
  await tty.restored(t, 0)
})

for (const [what, end, status] of [
  ['Ctrl-C', (tty: Tty) => tty.program.type('\x03'), 0],
  ['SIGTERM', (tty: Tty) => process.kill(tty.pid, 'SIGTERM'), 143],
  ['SIGINT', (tty: Tty) => process.kill(tty.pid, 'SIGINT'), 130],
] as const)
  t.test(`top, ended by ${what}`, { skip }, async (t) => {
    const { address } = await serving(t)
    const tty = new Tty(t, `top ${address}`)
    await tty.shows(/0 in flight/)
    end(tty)
    await tty.restored(t, status)
  })

t.test('top has no colours where NO_COLOR is set', { skip }, async (t) => {
  const { address } = await serving(t)
  const tty = new Tty(t, `top ${address}`, 'NO_COLOR=1')
  await tty.shows(/0 in flight/)
  tty.program.type('q')
  await tty.restored(t, 0)
  t.notMatch(tty.program.stdout, /\x1b\[\d+m/)
})

t.test('top, when its server leaves', { skip }, async (t) => {
  const { address, server } = await serving(t)
  const tty = new Tty(t, `top ${address}`)
  await tty.shows(/0 in flight/)
  server.kill()
  t.match(await tty.shows(/^error: the server has closed the connection$/m), /./)
  await tty.restored(t, 1)
})

t.test('debug: a prompt with completion, history and events', { skip }, async (t) => {
  const { address, url } = await serving(t)
  const tty = new Tty(t, `debug ${address}`)
  await tty.shows(/^attached to [\s\S]*^\(fermata\)$/m)
  tty.program.type('poi\t')
  await tty.shows(/^\(fermata\) points$/m)
  tty.program.type('\r')
  await tty.shows(/^no breakpoint is set\n\(fermata\)$/m)
  tty.program.type('break exchange.lea\t')
  await tty.shows(/^\(fermata\) break exchange\.lease$/m)
  tty.program.type('\r')
  await tty.shows(/^#1 exchange\.lease.*\n\(fermata\)$/m)
  tty.program.type('half a li')
  await tty.shows(/half a li$/m)
  const client = http2.connect(url)
  t.teardown(() => client.destroy())
  const stream = client.request({ ':path': '/held' })
  const status = new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])))
  await tty.shows(/^stopped: m1\/s1: breakpoint #1 .*\n(?:.*\n)?\(fermata\) half a li$/m)
  // Ctrl-U deletes the line.
  tty.program.type('\x15continue m1/s1\r')
  await tty.shows(/^m1\/s1 goes on$/m)
  t.equal(await status, 404)
  tty.program.type('lst\r')
  await tty.shows(/^error: there is no command 'lst'.*\n\(fermata\)$/m)
  tty.program.type('\x1b[A\x1b[A')
  await tty.shows(/^\(fermata\) continue m1\/s1$/m)
  tty.program.type('\x15quit\r')
  const screen = await tty.shows(/^over$/m)
  t.match(screen, /^status=0$/m, 'a command that failed at a prompt is no failure')
  t.match(screen, /^icanon$/m)
})
