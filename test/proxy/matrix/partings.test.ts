// One side leaves early, from every frontend to every backend: at each stage the other side is told, the
// lease is free again, and an incomplete message never looks complete.

import type { Test } from 'tap'
import {
  type Answering,
  type Call,
  type Case,
  cut,
  leaving,
  matrix,
  type Pair,
  type Response,
} from '../../world/matrix.js'

const PART = Buffer.alloc(10_000, 'part ')

/** Returns the request of a case as the backend has it, once it is there. */
interface Arrived {
  readonly response: Response
  /** The client has left, as the backend sees it. */
  readonly left: Promise<void>
  /** Octets of the body that came. */
  body(bytes: number): Promise<void>
  cut(): void
}

let arrive: (arrived: Arrived) => void = () => {}
/** The next request that a case begins. */
const arrival = (): Promise<Arrived> =>
  new Promise((resolve) => {
    arrive = resolve
  })

const answer: Answering = (request, response) => {
  if (request.url === '/plain') {
    response.end('plain')
    return
  }
  if (request.url === '/early') {
    response.writeHead(413, { 'content-length': 5 })
    response.end('early')
    return
  }
  let bytes = 0
  let wanted = 0
  let enough = () => {}
  if (request.method === 'POST')
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes >= wanted) enough()
    })
  arrive({
    response,
    left: leaving(response),
    body: (atLeast) => {
      wanted = atLeast
      return bytes >= wanted
        ? Promise.resolve()
        : new Promise((resolve) => {
            enough = resolve
          })
    },
    cut: () => cut(request, response),
  })
}

/** The connection, or another, serves on. */
async function servesOn(t: Test, { peer, quiet }: Pair): Promise<void> {
  await quiet(t)
  t.match(await peer().get('/plain'), { status: 200, whole: true })
}

const upload = (pair: Pair, length?: number): Call =>
  pair.peer().call({
    method: 'POST',
    path: '/held',
    body: 'open',
    headers: length === undefined ? {} : { 'content-length': String(length) },
  })

const CASES: readonly Case[] = [
  {
    title: 'the client leaves before the head',
    async run(t, pair) {
      const arrived = arrival()
      const call = pair.peer().call({ path: '/held' })
      const { left } = await arrived
      call.cancel()
      await left
      t.match(await call.answer, { status: 0, whole: false })
      await servesOn(t, pair)
    },
  },
  ...[undefined, 1_000_000].map((length) => ({
    title: `the client leaves in the middle of a body of ${length ?? 'unknown'} length`,
    async run(t: Test, pair: Pair) {
      const arrived = arrival()
      const call = pair.peer().call({ path: '/held' })
      const { response, left } = await arrived
      response.writeHead(200, length === undefined ? {} : { 'content-length': length })
      response.write(PART)
      await call.head
      await call.received(PART.length)
      call.cancel()
      await left
      t.match(await call.answer, { status: 200, whole: false })
      await servesOn(t, pair)
    },
  })),
  ...[undefined, 1_000_000].map((length) => ({
    title: `the client leaves in the middle of an upload of ${length ?? 'unknown'} length`,
    async run(t: Test, pair: Pair) {
      const arrived = arrival()
      const call = upload(pair, length)
      call.body.write(PART)
      const { left, body } = await arrived
      await body(PART.length)
      call.cancel()
      await left
      await call.answer
      await servesOn(t, pair)
    },
  })),
  {
    title: 'the backend leaves before the head',
    async run(t, pair) {
      const arrived = arrival()
      const call = pair.peer().call({ method: 'POST', path: '/held', body: Buffer.from('once') })
      const { body, cut } = await arrived
      await body(4)
      cut()
      const got = await call.answer
      t.match(got, { status: 502, whole: true })
      t.type(got.headers['x-fermata'], 'string')
      await servesOn(t, pair)
    },
  },
  {
    title: 'the backend leaves in the middle of an upload',
    async run(t, pair) {
      const arrived = arrival()
      const call = upload(pair, 1_000_000)
      call.body.write(PART)
      const { body, cut } = await arrived
      await body(PART.length)
      cut()
      t.match(await call.head, { status: 502 })
      call.cancel()
      await servesOn(t, pair)
    },
  },
  ...[undefined, 1_000_000].map((length) => ({
    title: `a response of ${length ?? 'unknown'} length is truncated`,
    async run(t: Test, pair: Pair) {
      const arrived = arrival()
      const call = pair.peer().call({ path: '/held' })
      const { response, cut } = await arrived
      response.writeHead(200, length === undefined ? {} : { 'content-length': length })
      response.write(PART)
      await call.head
      await call.received(PART.length)
      cut()
      const got = await call.answer
      t.match(got, { status: 200, whole: false }, 'it is not shown as whole')
      t.ok(got.body.equals(PART.subarray(0, got.body.length)), 'what came of it is a prefix')
      await servesOn(t, pair)
    },
  })),
  {
    title: 'a response before the end of the upload',
    async run(t, pair) {
      const call = pair.peer().call({
        method: 'POST',
        path: '/early',
        body: 'open',
        headers: { 'content-length': '1000000' },
      })
      call.body.write(PART)
      const got = await call.answer
      t.match(got, { status: 413, whole: true })
      t.equal(got.body.toString(), 'early')
      call.cancel()
      await servesOn(t, pair)
    },
  },
  {
    title: 'a response that begins before the upload ends, and ends after it',
    async run(t, pair) {
      const arrived = arrival()
      const call = upload(pair)
      call.body.write(PART)
      const { response, body } = await arrived
      await body(PART.length)
      response.writeHead(200)
      response.write('begun')
      await call.head
      await call.received(5)
      call.body.end(PART)
      await body(2 * PART.length)
      response.end(', and whole')
      const got = await call.answer
      t.match(got, { status: 200, whole: true })
      t.equal(got.body.toString(), 'begun, and whole')
    },
  },
  ...(['client', 'backend'] as const).map((who) => ({
    title: `the ${who} leaves when both bodies are under way`,
    async run(t: Test, pair: Pair) {
      const arrived = arrival()
      const call = upload(pair)
      call.body.write(PART)
      const { response, body, left, cut } = await arrived
      await body(PART.length)
      response.writeHead(200)
      response.write('begun')
      await call.head
      await call.received(5)
      if (who === 'backend') cut()
      else {
        call.cancel()
        await left
      }
      t.match(await call.answer, { status: 200, whole: false }, 'it is not shown as whole')
      call.cancel()
      await servesOn(t, pair)
    },
  })),
]

// A client that has left and one that has only half closed look the same for that long.
matrix(answer, CASES, { http1: { halfClosedMs: 50 } })
