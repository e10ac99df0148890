// Plays the pages of spec/scenarios on a proxy in memory, by the grammar of its README.

import type { Tracer } from '../../src/continuation/index.js'
import { FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/index.js'
import { limitsByRoom, limitsWith, type SomeLimits } from '../../src/server/index.js'
import { block, type Frame, frame, framesOf, PREFACE, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const TYPES = 'DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION'
const CODES =
  'NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR ' +
  'REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED'
const SETTINGS =
  '0 HEADER_TABLE_SIZE ENABLE_PUSH MAX_CONCURRENT_STREAMS INITIAL_WINDOW_SIZE MAX_FRAME_SIZE MAX_HEADER_LIST_SIZE 7 ENABLE_CONNECT_PROTOCOL'

/** The number of a name in one of these lists. */
function numberOf(list: string, name: string): number {
  const at = list.split(' ').indexOf(name)
  if (at < 0) throw new Error(`no number for '${name}'`)
  return at
}
const nameOf = (list: string, number: number): string => list.split(' ')[number] ?? `0x${number.toString(16)}`

/** Settings of `given`, beside limits. */
export const GIVEN: readonly string[] = ['backend', 'streams', 'share']

/** Skipped unless a statement asks for them. */
const QUIET: readonly string[] = ['WINDOW_UPDATE', 'SETTINGS', 'PING', 'PRIORITY']

type Pair = readonly [string, string]

interface Words {
  readonly values: ReadonlyMap<string, string>
  readonly fields: readonly Pair[]
  /** `!name`: fields that must not be there. */
  readonly absent: readonly string[]
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', 0: '\0', s: ' ' }
const unescaped = (text: string): string =>
  text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, one: string) =>
    hex === undefined ? (ESCAPES[one] ?? one) : String.fromCharCode(Number.parseInt(hex, 16)),
  )

function wordsOf(words: readonly string[], hasFields: boolean): Words {
  const values = new Map<string, string>()
  const fields: Pair[] = []
  const absent: string[] = []
  for (const [at, word] of words.entries()) {
    const equals = word.indexOf('=', 1)
    const [name, value] = [word.slice(0, equals), word.slice(equals + 1)]
    if (hasFields && word.startsWith('!')) absent.push(unescaped(word.slice(1)))
    else if (equals < 0) throw new Error(`'${word}' has no value`)
    else if (hasFields && (at > 1 || !['stream', 'flags'].includes(name)))
      fields.push([unescaped(name), unescaped(value)])
    else values.set(name, value)
  }
  return { values, fields, absent }
}

/** The rules that a scenario shows: they stand in brackets behind its sections. */
export function rulesOfScenario(page: string): string[] {
  const [, rules] = /^# .+\n\n[^\n]*\(([A-Z][0-9]+(?:, [A-Z][0-9]+)*)\)\n/.exec(page) ?? []
  return rules === undefined ? [] : rules.split(', ')
}

/** The octets of a frame that a peer sends. */
function encoded(type: string, { values, fields }: Words): Buffer {
  const number = (name: string): number => Number(values.get(name) ?? 0)
  const flags = (values.get('flags') ?? '').split(',')
  const bits = (flags.includes('ES') || flags.includes('ACK') ? 1 : 0) | (flags.includes('EH') ? 4 : 0)
  const code = (): Buffer => uint32(numberOf(CODES, values.get('code') ?? ''))
  const of = (payload: Buffer): Buffer => frame(numberOf(TYPES, type), bits, number('stream'), payload)
  if (type === 'HEADERS') return of(block(fields))
  if (type === 'DATA') return of(Buffer.from(values.get('text') ?? 'a'.repeat(number('length'))))
  if (type === 'RST_STREAM') return of(code())
  if (type === 'GOAWAY') return of(Buffer.concat([uint32(number('last')), code()]))
  if (type === 'WINDOW_UPDATE') return of(uint32(number('increment')))
  if (type === 'PING') return of(Buffer.from(values.get('data') ?? '', 'hex'))
  if (type !== 'SETTINGS') throw new Error(`nobody sends ${type}`)
  const settings = [...values].filter(([name]) => name !== 'flags')
  return of(
    Buffer.concat(
      settings.map(([name, value]) =>
        Buffer.concat([Buffer.from([0, numberOf(SETTINGS, name)]), uint32(Number(value))]),
      ),
    ),
  )
}

interface Received {
  readonly type: string
  /** `ES,EH`, in this order. */
  flags: string
  readonly fields: readonly Pair[]
  payload: Buffer
}

/** One end of a connection: what it received and was not asked for yet, by stream. */
class Peer {
  readonly far: FarEnd
  readonly streams = new Map<number, Received[]>()
  /** Streams whose message's DATA is not looked at. */
  private readonly skipping = new Set<number>()
  private readonly decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  private pending: Frame | null = null

  constructor(far: FarEnd) {
    this.far = far
  }

  read(): void {
    for (const each of framesOf(this.far.take())) this.take(each)
  }

  private take(each: Frame): void {
    const type = nameOf(TYPES, each.type)
    if (type === 'HEADERS' || type === 'CONTINUATION') {
      const first = this.pending ?? each
      const payload = type === 'HEADERS' ? each.payload : Buffer.concat([first.payload, each.payload])
      this.pending = { ...first, flags: first.flags | each.flags, payload }
      if ((each.flags & 4) === 0) return
      const fields: { name: string; value: string }[] = []
      const size = this.decoder.decode(payload, 0, payload.length, fields as never[], 1 << 20, 1000)
      if (size < 0) throw new Error('a field block that does not decode')
      this.put(
        this.pending,
        'HEADERS',
        fields.map(({ name, value }) => [name, value]),
      )
      this.pending = null
    } else this.put(each, type, [])
  }

  private put(each: Frame, type: string, fields: readonly Pair[]): void {
    const queue = this.streams.get(each.stream) ?? []
    this.streams.set(each.stream, queue)
    const hasEnd = type === 'DATA' || type === 'HEADERS'
    const flags = [
      hasEnd && (each.flags & 1) !== 0 ? 'ES' : '',
      type === 'HEADERS' ? 'EH' : '',
      !hasEnd && (each.flags & 1) !== 0 ? 'ACK' : '',
    ].filter((flag) => flag !== '')
    queue.push({ type, flags: flags.join(','), fields, payload: each.payload })
  }

  /** Drop what is skipped at the head of a stream's queue; what remains. */
  waiting(stream: number, wanted = ''): Received[] {
    const queue = this.streams.get(stream) ?? []
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const skipped =
        (QUIET.includes(first.type) && first.type !== wanted) ||
        (first.type === 'DATA' && this.skipping.has(stream))
      if (!skipped) break
      queue.shift()
    }
    return queue
  }

  /** Take what a statement asks for; throws when it is not what came. */
  expect(type: string, { values, fields, absent }: Words): void {
    const stream = Number(values.get('stream') ?? 0)
    const queue = this.waiting(stream, type)
    const next = queue.shift()
    if (next?.type !== type) throw new Error(`received ${next?.type ?? 'nothing'} on stream ${stream}`)
    if (type === 'DATA') {
      while (
        !next.flags.includes('ES') &&
        queue.find((each) => !QUIET.includes(each.type))?.type === 'DATA'
      ) {
        const [more] = queue.splice(
          queue.findIndex((each) => each.type === 'DATA'),
          1,
        )
        next.payload = Buffer.concat([next.payload, more.payload])
        next.flags = more.flags
      }
    }
    if (type === 'HEADERS') {
      if (values.has('flags')) this.skipping.delete(stream)
      else this.skipping.add(stream)
    }
    for (const [name, value] of values) {
      const got = wordOf(next, name, value)
      if (got !== value) throw new Error(`${name} is ${got}`)
    }
    if (type === 'DATA' && !values.has('flags') && next.flags !== '')
      throw new Error(`flags is ${next.flags}`)
    for (const [name, value] of fields) {
      const got = next.fields.filter((field) => field[0] === name).map((field) => field[1])
      if (!got.includes(value))
        throw new Error(`${name} is ${got.length === 0 ? 'not there' : got.join(' and ')}`)
    }
    for (const name of absent) {
      if (next.fields.some((field) => field[0] === name)) throw new Error(`${name} is there`)
    }
  }
}

/** A word of a received frame as a statement would write it. */
function wordOf(received: Received, name: string, wanted: string): string {
  const { type, payload } = received
  if (name === 'stream') return wanted
  if (name === 'flags') return received.flags
  if (name === 'length') return String(payload.length)
  if (name === 'text') return payload.toString('latin1')
  if (name === 'data') return payload.toString('hex')
  if (name === 'increment') return String(payload.readUInt32BE(0))
  if (name === 'last') return String(payload.readUInt32BE(0))
  if (name === 'code') return nameOf(CODES, payload.readUInt32BE(type === 'GOAWAY' ? 4 : 0))
  for (let at = 0; type === 'SETTINGS' && at < payload.length; at += 6) {
    if (nameOf(SETTINGS, payload.readUInt16BE(at)) === name) return String(payload.readUInt32BE(at + 2))
  }
  return 'not there'
}

/** Page in, findings out: none when all came as told. `seen` is told of all transitions. */
export function play(page: string, seen?: Tracer): string[] {
  const story = /^```scenario\n([\s\S]*?)^```$/m.exec(page)?.[1]
  if (story === undefined) return ['no scenario']
  const statements = story.split('\n').map((line, at) => ({ line, at: at + 1 }))
  let scene: ScenarioRun | null = null
  const given = new Map<string, string>()
  for (const { line, at } of statements) {
    if (line === '' || line.startsWith('#')) continue
    try {
      const [, name, value] = /^given ([^=]+)=(.*)$/.exec(line) ?? []
      if (name === undefined) {
        scene ??= new ScenarioRun(given, seen)
        scene.perform(line)
      } else if (scene === null) given.set(name, value)
      else throw new Error('given comes first')
    } catch (error) {
      return [`${at}: ${line}: ${(error as Error).message}`]
    }
  }
  return scene === null ? ['an empty scenario'] : scene.leftOver()
}

class ScenarioRun {
  private readonly proxy: ReturnType<typeof memoryProxy>
  private readonly clients = new Map<string, Peer>()
  private readonly backends: Peer[] = []
  private readonly streamsMax: number

  constructor(given: ReadonlyMap<string, string>, seen: Tracer | undefined) {
    let limits: SomeLimits = {}
    for (const [name, value] of given) {
      if (GIVEN.includes(name)) continue
      const [room, limit] = name.split('.')
      if (limitsByRoom[room]?.[limit] === undefined) throw new Error(`no bound '${name}'`)
      limits = limitsWith(limits, { [room]: { [limit]: Number(value) } })
    }
    const share = given.get('share') === 'connection' ? 'connection' : 'process'
    this.proxy = memoryProxy(limits, {
      share,
      ...(seen === undefined ? {} : { seen }),
    })
    this.streamsMax = Number(given.get('streams') ?? 100)
    if (given.get('backend') === 'refuses') this.proxy.refuse()
  }

  perform(line: string): void {
    const [first, second, ...rest] = line.split(' ')
    if (first === 'after') this.proxy.pollset.advance(Number(second))
    else if (first === 'trace') this.compareSteps(second, line)
    else if (first.endsWith('>')) this.send(this.peer(first.slice(0, -1)), second, rest)
    else if (first.endsWith('<')) this.receive(this.peer(first.slice(0, -1)), second, rest)
    else throw new Error('not a statement')
    this.settle()
  }

  private peer(name: string): Peer {
    const [, kind, number] = /^(client|backend)(\d*)$/.exec(name) ?? []
    if (kind === undefined) throw new Error(`nobody is called ${name}`)
    if (kind === 'client') {
      const client = this.clients.get(name) ?? new Peer(this.proxy.client())
      this.clients.set(name, client)
      return client
    }
    const backend = this.backends[Number(number === '' ? 1 : number) - 1]
    if (backend === undefined) throw new Error('there is no such connection')
    return backend
  }

  private send({ far }: Peer, type: string, words: readonly string[]): void {
    if (type === 'CLOSE') far.destroy()
    else far.send(encoded(type, wordsOf(words, type === 'HEADERS')))
  }

  private receive(peer: Peer, type: string, words: readonly string[]): void {
    const asked = wordsOf(words, type === 'HEADERS')
    if (type === 'NOTHING') {
      const [first] = peer.waiting(Number(asked.values.get('stream')))
      if (first !== undefined) throw new Error(`received ${first.type}`)
    } else if (type !== 'CLOSE') peer.expect(type, asked)
    else if (!peer.far.ended && !peer.far.closed) throw new Error('it is open')
  }

  /** Backends shake hands by themselves; then all read what has come. */
  private settle(): void {
    const { backends, pollset } = this.proxy
    while (this.backends.length < backends.length) {
      const far = backends[this.backends.length]
      pollset.run()
      if (!far.received.subarray(0, PREFACE.length).equals(PREFACE))
        throw new Error('a backend got no preface')
      far.received = far.received.subarray(PREFACE.length)
      this.backends.push(new Peer(far))
      const settings = new Map([['MAX_CONCURRENT_STREAMS', String(this.streamsMax)]])
      far.send(encoded('SETTINGS', { values: settings, fields: [], absent: [] }))
      far.send(frame(4, 1, 0))
    }
    for (const peer of [...this.clients.values(), ...this.backends]) peer.read()
  }

  private compareSteps(client: string, line: string): void {
    const [, stream, wanted] = /^trace \S+ stream=(\d+) (.+)$/.exec(line) ?? []
    const id = `m${[...this.clients.keys()].indexOf(client) + 1}/s${stream}`
    const steps = stepsOf(this.proxy.lines, id).join(', ')
    if ((steps === '' ? 'none' : steps) !== wanted) throw new Error(`the steps were ${steps}`)
  }

  /** Input that no line has asked for. */
  leftOver(): string[] {
    const named = [
      ...this.clients,
      ...this.backends.map((peer, at): [string, Peer] => [`backend${at === 0 ? '' : at + 1}`, peer]),
    ]
    return named.flatMap(([name, peer]) =>
      [...peer.streams.keys()].flatMap((stream) =>
        peer
          .waiting(stream)
          .filter(({ type }) => !QUIET.includes(type))
          .map(({ type }) => `${name} received ${type} on stream ${stream}, and nobody asked`),
      ),
    )
  }
}

/** The steps in a trace of what has this id; one that was resumed stands once. */
export function stepsOf(lines: readonly string[], id: string): string[] {
  const steps = lines
    .map((line) => line.split(' '))
    .filter((words) => words[1] === id)
    .map((words) => words[2])
  return steps.filter((step, at) => step !== steps[at - 1])
}
