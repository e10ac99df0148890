// Sends octets into a real HTTP/1.1 connection of either role, with a real proxy around it and a
// bystander beside it. Only the reader (http1-reader.ts) decides which messages the octets hold. These
// hold for any input:
//
// - nothing throws, nothing runs without end, nothing is left when all peers have gone;
// - the splits of the octets make no difference to what the other side gets;
// - the other side gets the messages that came whole, whole and in order, and nothing else: nothing
//   of a refused one;
// - after a fault the connection ends, and a cut message never looks whole;
// - the bystander is answered.

import fc from 'fast-check'
import { type Event, type Outcome, Recorder, read, readerFor } from '../testbed/http1-wire.js'
import type { FarEnd } from '../testbed/memory-pollset.js'
import { memoryProxy } from '../testbed/memory-proxy.js'
import { leave } from './aftermath.js'
import { type Kind, shown, wires } from './http1-wires.js'
import { crumbs, cut, hold, places, type Target } from './target.js'

interface Fed {
  readonly wire: Buffer
  readonly method: string
  readonly places: readonly number[]
  readonly fin: boolean
}

type Split = 'whole' | 'in-one-turn' | 'in-turns'

const TURNS_MAX = 300
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')
const GET = bytesOf('GET /beside HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

interface Message {
  /** Method and path of a request, status of a response. */
  readonly what: string
  readonly body: string
  readonly whole: boolean
}

/** Returns the final heads that a reader reported, with the fate of their messages. */
function messagesOf(events: readonly Event[]): Message[] {
  const all: { what: string; body: string; whole: boolean }[] = []
  for (const each of events) {
    if (each.kind === 'head') {
      const { method, path, status } = each.head
      if (!each.head.isInterim)
        all.push({
          what: status > 0 ? `${status}` : `${method?.value} ${path?.value}`,
          body: '',
          whole: false,
        })
      continue
    }
    const last = all.at(-1)
    if (last === undefined) continue
    if (each.kind === 'body') last.body += each.text
    else if (each.kind === 'end') last.whole = true
  }
  return all
}

const EXPECTED = new Set(['truncated', 'unasked'])

/** Reads as a client does: one response after the other, to these methods. */
function responsesIn(bytes: Buffer, methods: readonly string[], fin: boolean): Message[] {
  const all: Message[] = []
  let rest = bytes
  for (const to of [...methods, 'GET']) {
    if (rest.length === 0) break
    const sink = new Recorder()
    const reader = readerFor({ to }, sink)
    rest = rest.subarray(reader.feed(rest))
    if (fin) reader.end()
    // The next response follows; the caller checks a cut one.
    const fault = sink.events.find((each) => each.kind === 'error' && !EXPECTED.has(each.code))
    hold(fault === undefined, () => `what is written is no response: ${shown(bytes)}`)
    all.push(...messagesOf(sink.events))
  }
  hold(rest.length === 0, () => `behind the responses: ${shown(rest)}`)
  return all
}

class ProxyUnderTest {
  readonly proxy = memoryProxy({}, { clients: 'http/1.1', speaks: 'http/1.1' })
  readonly bystander: FarEnd

  constructor() {
    this.bystander = this.proxy.client()
    this.bystander.send(GET)
  }

  /** Sends the octets, split, and calls `between` after each turn. */
  feed(far: FarEnd, { wire, places, fin }: Fed, split: Split, between: () => void): void {
    const { pollset } = this.proxy
    const pieces = split === 'whole' ? [wire] : places.length === 0 ? crumbs(wire) : cut(wire, places)
    for (const piece of pieces) {
      if (far.closed) break
      if (piece.length > 0) far.put(piece)
      if (split !== 'in-turns') continue
      pollset.run(TURNS_MAX)
      between()
    }
    pollset.run(TURNS_MAX)
    between()
    if (fin && !far.closed) far.end()
    between()
  }

  /** Checks that the bystander is answered, and that all is over. */
  end(...fars: FarEnd[]): void {
    this.proxy.backends[0].send(OK)
    const [answer] = responsesIn(this.bystander.take(), ['GET'], false)
    hold(answer?.whole === true && answer.what === '200', 'the bystander was not answered')
    leave(this.proxy, ...fars, this.bystander)
  }
}

/** The requests that backends received, by connection. Only whole ones are answered. */
class Asked {
  readonly messages: Message[] = []
  private readonly stage: ProxyUnderTest

  constructor(stage: ProxyUnderTest) {
    this.stage = stage
  }

  /** Answers whole requests, until there are no more. */
  answer(): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const far of this.stage.proxy.backends.slice(1)) {
        if (far.closed || far.received.length === 0) continue
        const { sink, verdict, left } = read(far.received)
        if (verdict === 'part') continue
        hold(verdict === 'ok' && left === 0, () => `a backend is asked ${shown(far.received)}`)
        this.messages.push(...messagesOf(sink.events))
        const head = this.messages.at(-1)?.what.startsWith('HEAD ')
        far.take()
        far.send(head ? OK.subarray(0, OK.length - 2) : OK)
        busy = true
      }
    }
  }
}

function runFrontend(fed: Fed, split: Split): string {
  const stage = new ProxyUnderTest()
  const client = stage.proxy.client()
  const asked = new Asked(stage)
  stage.feed(client, fed, split, () => asked.answer())
  const oracle = read(fed.wire, { pipelined: true, fin: fed.fin })
  const sent = messagesOf(oracle.sink.events).filter((each) => each.whole)
  hold(asked.messages.length <= sent.length, 'a backend was asked more than the client said')
  asked.messages.forEach((each, at) => {
    hold(
      each.what === sent[at].what && each.body === sent[at].body,
      () => `asked for ${JSON.stringify(each)}, said ${JSON.stringify(sent[at])}`,
    )
  })
  const over = client.ended || client.closed
  const methods = sent.map(({ what }) => what.split(' ')[0])
  const octets = client.take()
  let answers = responsesIn(octets, methods, client.ended)
  // A refused request may have been HEAD, whose response has no content.
  if (!answers.every((each) => each.whole) && fed.wire.includes('HEAD '))
    answers = responsesIn(octets, [...methods, 'HEAD'], client.ended)
  hold(answers.every((each) => each.whole) || client.wasReset, 'half an answer, and no reset')
  if (oracle.code !== '-' && oracle.code !== 'truncated') hold(over, () => `${oracle.code}, and it goes on`)
  if (!over)
    hold(answers.length === sent.length, () => `${answers.length} answers to ${sent.length} requests`)
  for (const far of stage.proxy.backends.slice(1))
    hold(far.received.length === 0 || over || oracle.verdict === 'part', 'half a request is left')
  stage.end(client)
  return JSON.stringify({ asked: asked.messages, answers, over })
}

/** Checks that the client got the backend's answer, or our own if that was no message. */
function mustBeTold(answers: readonly Message[], oracle: Outcome, client: FarEnd): void {
  const [got] = answers
  const said = messagesOf(oracle.sink.events).at(0)
  hold(answers.length <= 1, 'answered twice')
  if (got === undefined || !got.whole) {
    const unfinished = said === undefined || !said.whole
    hold(unfinished, () => `the client was told ${JSON.stringify(got)} of ${JSON.stringify(said)}`)
    hold(got === undefined || !client.ended || client.wasReset, 'cut, and it looks like an end')
    return
  }
  if (got.what === '502') return
  hold(said?.whole === true, () => `${got.what} looks whole, and is not: ${oracle.code}`)
  hold(
    got.what === said.what && got.body === said.body,
    () => `told ${JSON.stringify(got)}, said ${JSON.stringify(said)}`,
  )
}

function runBackend(fed: Fed, split: Split): string {
  const stage = new ProxyUnderTest()
  const { proxy } = stage
  const client = proxy.client()
  client.send(bytesOf(`${fed.method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`))
  const [, backend] = proxy.backends
  // A retry finds no backend, so that there is one answer.
  proxy.refuse()
  stage.feed(backend, fed, split, () => {})
  const oracle = read(fed.wire, { to: fed.method, fin: fed.fin })
  const answers = responsesIn(client.take(), [fed.method], client.ended)
  mustBeTold(answers, oracle, client)
  if (oracle.code !== '-' || oracle.left > 0)
    hold(backend.ended || backend.closed, () => `${oracle.code}, ${oracle.left} left, and it goes on`)
  stage.end(client)
  return JSON.stringify(answers)
}

const target = (role: string, kind: Kind, run: (fed: Fed, split: Split) => string): Target<Fed> => ({
  about: `octets into an HTTP/1.1 ${role} connection, with a bystander (http1/${role}.ts)`,
  arbitrary: fc.record({
    wire: wires(kind),
    method: kind === 'request' ? fc.constant('') : fc.constantFrom('GET', 'HEAD', 'POST'),
    places,
    fin: fc.boolean(),
  }),
  check(fed) {
    const whole = run(fed, 'whole')
    for (const each of [fed, { ...fed, places: [] }]) {
      const split = run(each, 'in-one-turn')
      hold(split === whole, () => `whole ${whole}\nsplit ${split}`)
    }
    run(fed, 'in-turns')
  },
  show: (fed) => `${shown(fed.wire)}\n${JSON.stringify({ ...fed, wire: undefined })}`,
})

export const http1Frontend = target('frontend', 'request', runFrontend)
export const http1Backend = target('backend', 'response', runBackend)
