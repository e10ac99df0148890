// Clients that write and read keys all over a cluster, in pipelines, and check each reply: counters go up by one
// at a time, each key has what was written last, and no reply is an error. So no command was lost, run twice,
// or passed another one of its client on the same key.

import { connect, type Socket } from 'node:net'

export interface LoadResult {
  readonly commands: number
  /** The faults that were seen, at most ten of them. */
  readonly wrong: readonly string[]
}

const COUNTERS = 40

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
const command = (...words: readonly string[]): string => `*${words.length}\r\n${words.map(bulk).join('')}`

class LoadClient {
  commands = 0
  readonly wrong: string[] = []
  private readonly counts = new Map<string, number>()
  private readonly last = new Map<string, string>()
  private heard = ''
  private readonly socket: Socket
  private ended: () => void = () => {}
  private readonly number: number
  private round = 0
  private isOver = false
  private expected: [string, string][] = []

  constructor(port: number, number: number) {
    this.number = number
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', (error) => this.wrong.push(error.message))
    this.socket.on('close', () => this.ended())
    this.socket.on('data', (bytes) => {
      this.heard += bytes.toString('latin1')
      this.look()
    })
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.ended = resolve
      this.say()
    })
  }

  end(): void {
    this.isOver = true
  }

  /** One round of commands in one write, and what they are to be answered. */
  private say(): void {
    const { number, counts, last } = this
    const round = ++this.round
    const said: string[] = []
    const expected: [string, string][] = []
    const ask = (answer: string, ...words: string[]): void => {
      said.push(command(...words))
      expected.push([words.join(' '), answer])
    }
    const counter = `count:${number}:${round % COUNTERS}`
    const value = `value-${round}`
    for (let each = 0; each < 2; each++) {
      const count = (counts.get(counter) ?? 0) + 1
      counts.set(counter, count)
      ask(`:${count}\r\n`, 'INCR', counter)
    }
    const key = `key:${number}:${round % 30}`
    ask('+OK\r\n', 'SET', key, value)
    last.set(key, value)
    const keys = [0, 7, 13].map((each) => `key:${number}:${(round + each) % 30}`)
    ask(`*3\r\n${keys.map((each) => bulkOf(last.get(each))).join('')}`, 'MGET', ...keys)
    const pair = [1, 2].map((each) => `{pair:${number}:${round % 20}}:${each}`)
    ask('+OK\r\n', 'MSET', pair[0], value, pair[1], `${value}!`)
    ask('+OK\r\n', 'SET', pair[0], `${value}?`)
    ask(`*2\r\n${bulk(`${value}?`)}${bulk(`${value}!`)}`, 'MGET', ...pair)
    const count = (counts.get(counter) ?? 0) + 1
    counts.set(counter, count)
    said.push(command('MULTI'), command('INCR', counter), command('GET', counter), command('EXEC'))
    expected.push(['MULTI INCR', `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:${count}\r\n${bulk(String(count))}`])
    ask(bulk(String(count)), 'GET', counter)
    ask(`:1\r\n`, 'RPUSH', `list:${number}:${round % 10}`, value)
    ask(
      `*2\r\n${bulk(`list:${number}:${round % 10}`)}${bulk(value)}`,
      'BLPOP',
      `list:${number}:${round % 10}`,
      '1',
    )
    this.expected = expected
    this.commands += expected.length
    this.socket.write(said.join(''))
  }

  private look(): void {
    const whole = this.expected.map(([, answer]) => answer).join('')
    if (this.heard === whole) {
      this.heard = ''
      if (this.isOver) this.socket.end()
      else this.say()
      return
    }
    if (whole.startsWith(this.heard)) return
    let at = 0
    const [asked, answer] = this.expected.find(([, each]) => {
      const isRight = this.heard.startsWith(each, at)
      if (isRight) at += each.length
      return !isRight
    }) ?? ['', '']
    this.wrong.push(
      `${asked}: ${JSON.stringify(answer)} was due, ${JSON.stringify(this.heard.slice(at, at + 200))} came`,
    )
    this.socket.destroy()
  }
}

const bulkOf = (value: string | undefined): string => (value === undefined ? '$-1\r\n' : bulk(value))

/** Runs clients until `until` settles, then until each has its replies. */
export async function loadCluster(
  port: number,
  clients: number,
  until: Promise<unknown>,
): Promise<LoadResult> {
  const all = Array.from({ length: clients }, (_, number) => new LoadClient(port, number))
  const running = all.map((each) => each.run())
  await Promise.race([until, Promise.any(running)])
  for (const each of all) each.end()
  await until
  await Promise.all(running)
  return {
    commands: all.reduce((sum, each) => sum + each.commands, 0),
    wrong: all.flatMap((each) => each.wrong).slice(0, 10),
  }
}
