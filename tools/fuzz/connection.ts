// Sends frames into a real connection of either role, with a real proxy around it and bystanders beside it: a
// sibling stream on the same connection, another client on the same backend. There is no model of the right
// answers; these hold for any input:
//
// - nothing throws, nothing runs without end, nothing grows past its bound;
// - the splits of the octets make no difference to the bytes written, to either side;
// - an error of the connection is one GOAWAY, the last frame, then FIN; without one the siblings are whole;
// - the output to the other side is a well-formed message in well-formed frames;
// - when all peers have gone, every exchange has ended and nothing is left of any.

import fc from 'fast-check'
import { FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { serveHttp2 } from '../../src/http2/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { limitsWith } from '../../src/server/index.js'
import { block, type Frame, frame, framesOf, PREFACE, REQUEST } from '../testbed/frames.js'
import type { FarEnd } from '../testbed/memory-pollset.js'
import { memoryProxy } from '../testbed/memory-proxy.js'
import { leave } from './aftermath.js'
import { type Line, mustBeWellFormed } from './field-lists.js'
import { frames, integer, isWhole, type Piece, showPieces, wireOf } from './frames.js'
import { crumbs, cut, type Edit, edits, hold, mangle, places, type Target } from './target.js'

interface Fed {
  readonly pieces: Piece[]
  readonly edits: readonly Edit[]
  readonly places: number[]
  readonly limits: SomeLimits
}

/** The limits of a run. Each seed draws its own: few frames reach small bounds. */
const limits: fc.Arbitrary<SomeLimits> = fc.record({
  http2: fc.record({
    concurrentStreamsMax: fc.constantFrom(2, 128),
    headerListBytesMax: fc.constantFrom(400, 32_768),
    fieldsMax: fc.constantFrom(6, 256),
    headerTableBytesMax: fc.constantFrom(0, 100, 4096, 65_536),
    headerBlockBytesMax: fc.constantFrom(512, 65_536),
    continuationsMax: fc.constantFrom(1, 32),
    headerBlockDiscardMax: fc.constantFrom(1024, 262_144),
    continuationsDiscardMax: fc.constantFrom(2, 128),
    controlBytesMax: fc.constantFrom(600, 16_384),
    idleFramesBurst: fc.constantFrom(4, 1000),
    resetsBurst: fc.constantFrom(2, 500),
    backendResetsBurst: fc.constantFrom(1, 300),
    backendResetsReserve: fc.constantFrom(0, 200),
    streamWindow: fc.constantFrom(100, 65_535),
    connectionWindow: fc.constantFrom(65_535, 1_048_576),
    interimsBurst: fc.constantFrom(1, 32),
    interimBytesMax: fc.constantFrom(1024, 65_536),
  }),
  http1: fc.record({
    fieldsMax: fc.constantFrom(6, 256),
    interimsBurst: fc.constantFrom(1, 32),
    interimBytesMax: fc.constantFrom(1024, 65_536),
  }),
  transport: fc.record({
    connectionHeldBytesMax: fc.constantFrom(4096, 64 * 1024 * 1024),
    heldBytesSoft: fc.constantFrom(1024, 64 * 1024 * 1024),
  }),
})

/** A server's frames do not begin with the size update that a smaller table would ask for. */
const serverLimits = limits.map(
  (all): SomeLimits =>
    limitsWith(all, {
      http2: {
        headerTableBytesMax: Math.max(4096, all.http2?.headerTableBytesMax as number),
        concurrentStreamsMax: 128,
      },
    }),
)

const GOAWAY = 7
const FRAME_OCTETS_MAX = 16_384
const RESETS_KEPT = 256
const TABLE_SIZE_INITIAL = 4096
const TURNS_MAX = 300
/** The most transitions of all continuations together, for this number of frames. */
const STEPS_MAX = 3000

/** The inside of a connection, as seen by the invariants. */
interface Inside {
  readonly reader: { readonly bufferedBytes: number; readonly stopped: boolean }
  readonly output: { readonly controlBytes: number; readonly control: Buffer | null }
  readonly streams: { readonly count: number; readonly resets: Map<number, number> | null }
  readonly blocks: { readonly decoder: { readonly tableSize: number } }
  readonly encoder: { readonly tableSize: number }
  readonly failure: { readonly code: string } | null
}

type Split = 'whole' | 'in-one-turn' | 'in-turns'

/**
 * Makes HEADERS of well-behaved peers. If our table is smaller than the initial one, the first block of a
 * connection must begin with a size update (RFC 7541 §4.2), and later ones may.
 */
function headers(fed: SomeLimits, stream: number, fields: readonly Line[], end = true): Buffer {
  const size = fed.http2?.headerTableBytesMax ?? TABLE_SIZE_INITIAL
  const update = size < TABLE_SIZE_INITIAL ? integer(0x20, 5, size) : Buffer.alloc(0)
  return frame(1, 4 | (end ? 1 : 0), stream, Buffer.concat([update, block(fields)]))
}

/** A proxy, and the connections of one run. */
class ProxyUnderTest {
  readonly proxy: ReturnType<typeof memoryProxy>
  readonly bystander: FarEnd
  steps = 0
  private readonly limits: SomeLimits

  constructor(limits: SomeLimits) {
    this.limits = limits
    this.proxy = memoryProxy(limits)
    this.proxy.world.scheduler.tracer = { transition: () => this.steps++, diverted: () => this.steps++ }
    // It asks first, so that the connection to the backend exists.
    this.bystander = this.proxy.client()
    this.bystander.send(headers(limits, 1, REQUEST))
  }

  feed(far: FarEnd, inside: Inside, wire: Buffer, split: Split, at: readonly number[]): void {
    const { pollset } = this.proxy
    this.steps = 0
    const pieces =
      split === 'whole' || wire.length === 0 ? [wire] : at.length === 0 ? crumbs(wire) : cut(wire, at)
    for (const piece of pieces) {
      far.put(piece)
      if (split !== 'in-turns') continue
      pollset.run(TURNS_MAX)
      this.mustBeBounded(inside)
    }
    pollset.run(TURNS_MAX)
    this.mustBeBounded(inside)
    hold(this.steps <= STEPS_MAX + 2 * pieces.length, () => `${this.steps} steps`)
  }

  private mustBeBounded({ reader, output, streams, blocks, encoder }: Inside): void {
    const { limits } = this.proxy.http2
    const { memory } = this.proxy.world
    hold(reader.bufferedBytes <= FRAME_OCTETS_MAX + limits.headerBlockBytesMax, 'the reader holds too much')
    hold(
      Math.max(output.controlBytes, output.control?.length ?? 0) <= limits.controlBytesMax,
      'control frames',
    )
    hold(streams.count <= limits.concurrentStreamsMax, () => `${streams.count} streams`)
    hold((streams.resets?.size ?? 0) <= RESETS_KEPT, 'resets remembered')
    hold(
      blocks.decoder.tableSize <= Math.max(limits.headerTableBytesMax, TABLE_SIZE_INITIAL),
      'the decoder table',
    )
    hold(encoder.tableSize <= limits.headerTableBytesMax, 'the encoder table')
    const held1 = this.limits.transport?.connectionHeldBytesMax ?? 0
    hold(memory.bytes <= 3 * held1, () => `${memory.bytes} octets held`)
  }
}

const isError = (each: Frame): boolean => each.type === GOAWAY && each.payload.readUInt32BE(4) !== 0

/** Returns the frames written until the connection ended. */
function mustEndWell(written: Buffer, far: FarEnd, inside: Inside): Frame[] {
  const all = framesOf(written)
  const errors = all.filter(isError)
  if (inside.failure === null || errors.length === 0) {
    hold(errors.length === 0, 'GOAWAY with an error, and it goes on')
    hold(!far.ended || inside.failure !== null, 'FIN without a reason')
    return all
  }
  hold(errors.length === 1, () => `${errors.length} times GOAWAY`)
  hold(
    all.at(-1) === errors[0],
    () =>
      `behind GOAWAY: ${JSON.stringify(all.slice(all.indexOf(errors[0]) + 1).map(({ type, stream }) => ({ type, stream })))}`,
  )
  hold(far.ended, 'GOAWAY without FIN')
  hold(inside.reader.stopped, 'given up, and it reads on')
  return all
}

/** Checks the field blocks among these frames: each must be a well-formed message of its kind. */
export function mustBeMessages(written: readonly Frame[], kind: 'request' | 'response'): void {
  const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 65_536 })
  let block: Buffer[] = []
  const begun = new Set<number>()
  for (const { type, flags, stream, payload } of written) {
    hold(payload.length <= FRAME_OCTETS_MAX, 'a frame larger than allowed')
    hold(block.length === 0 || type === 9, 'a field block was interrupted')
    if (type !== 1 && type !== 9) continue
    block.push(payload)
    if ((flags & 4) === 0) continue
    const whole = Buffer.concat(block)
    block = []
    const fields: { name: string; value: string }[] = []
    hold(
      decoder.decode(whole, 0, whole.length, fields as never, 1 << 24, 10_000) >= 0,
      'a block that does not decode',
    )
    const lines = fields.map(({ name, value }): Line => [name, value])
    const trailers = begun.has(stream)
    mustBeWellFormed(lines, trailers ? 'trailers' : kind)
    if (lines[0]?.[0] !== ':status' || !lines[0][1].startsWith('1')) begun.add(stream)
  }
}

/** Returns true if this stream was answered to its end, with HEADERS first. */
const answered = (all: readonly Frame[], stream: number): boolean =>
  all.some((each) => each.type === 1 && each.stream === stream) &&
  all.some((each) => each.type <= 1 && each.stream === stream && (each.flags & 1) !== 0) &&
  !all.some((each) => each.type === 3 && each.stream === stream && each.payload.readUInt32BE(0) !== 0)

/** Returns true if its client was told the outcome. */
const told = (all: readonly Frame[], stream: number): boolean =>
  all.some(
    (each) => each.stream === stream && (each.type === 3 || (each.type <= 1 && (each.flags & 1) !== 0)),
  )

const SIBLING = 1
/** SETTINGS, and an ACK for ours. */
const GREETING = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])
const OK = [[':status', '200']] as const

interface Outcome {
  readonly written: Buffer
  readonly beyond: Buffer
  readonly steps: number
}

function mustBeSame(a: Outcome, b: Outcome): void {
  hold(
    a.written.equals(b.written),
    () => `whole, it writes ${a.written.toString('hex')}\nsplit, ${b.written.toString('hex')}`,
  )
  hold(
    a.beyond.equals(b.beyond),
    () => `beyond: whole ${a.beyond.toString('hex')}\nsplit ${b.beyond.toString('hex')}`,
  )
  hold(a.steps === b.steps, () => `${a.steps} steps whole, ${b.steps} split`)
}

/** Sends a client's frames, after the preface and a sibling's request. */
function runFrontend(
  frames: Buffer,
  whole: boolean,
  split: Split,
  fed: Omit<Fed, 'pieces' | 'edits'>,
): Outcome {
  const stage = new ProxyUnderTest(fed.limits)
  const { proxy, bystander } = stage
  const backend = proxy.backends[0]
  backend.send(GREETING)
  const socket = proxy.pollset.socket()
  const far = socket.far
  const inside = serveHttp2(proxy.http2, socket, proxy.proxy) as unknown as Inside
  stage.feed(far, inside, frames, split, fed.places)
  const written = far.take()
  const beyond = backend.take()
  const outcome = { written, beyond, steps: stage.steps }
  const sent = framesOf(beyond.subarray(PREFACE.length))
  mustBeMessages(sent, 'request')
  if (!written.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
    const all = mustEndWell(written, far, inside)
    mustBeMessages(all, 'response')
    // The sibling was the first to ask after the bystander, if anybody was.
    if (sent.some((each) => each.stream === 3)) backend.send(headers(fed.limits, 3, OK))
    const rest = framesOf(far.take())
    if (inside.failure !== null) hold(rest.length === 0, 'written behind the end')
    else if (whole) hold(answered([...all, ...rest], SIBLING), 'the sibling was not answered')
  }
  backend.send(headers(fed.limits, 1, OK))
  hold(answered(framesOf(bystander.take()), SIBLING), 'another connection was harmed')
  leave(stage.proxy, far, bystander)
  return outcome
}

const clientWire = (pieces: readonly Piece[], limits: SomeLimits): Buffer =>
  Buffer.concat([PREFACE, GREETING, headers(limits, SIBLING, REQUEST), wireOf(pieces)])

/** Checks a frontend. With foreign octets in them, frames may concern the sibling itself. */
function checkFrontend(wire: Buffer, whole: boolean, fed: Omit<Fed, 'pieces' | 'edits'>): void {
  const outcome = runFrontend(wire, whole, 'whole', fed)
  mustBeSame(outcome, runFrontend(wire, whole, 'in-one-turn', fed))
  mustBeSame(outcome, runFrontend(wire, whole, 'in-one-turn', { ...fed, places: [] }))
  runFrontend(wire, whole, 'in-turns', fed)
}

/** The requests of one more client, on the streams that a server's frames concern: one open, one HEAD. */
const requests = (limits: SomeLimits): Buffer =>
  Buffer.concat([
    headers(limits, 3, REQUEST, false),
    headers(limits, 5, [[':method', 'HEAD'], ...REQUEST.slice(1)]),
    headers(limits, 7, REQUEST),
  ])

/** Sends a backend's frames, in answer to five requests of two clients. */
function runBackend(
  frames: Buffer,
  whole: boolean,
  split: Split,
  fed: Omit<Fed, 'pieces' | 'edits'>,
): Outcome {
  const stage = new ProxyUnderTest(fed.limits)
  const { proxy, bystander } = stage
  const backend = proxy.backends[0]
  proxy.greet(backend)
  const client = proxy.client()
  client.send(requests(fed.limits))
  backend.take()
  const inside = [...proxy.world.scheduler.alive()].find(
    (each) => 'kind' in each && each.kind === 'backend',
  ) as unknown as Inside
  stage.feed(backend, inside, frames, split, fed.places)
  const written = backend.take()
  const first = client.take()
  const outcome = { written, beyond: Buffer.concat([first, bystander.received]), steps: stage.steps }
  mustEndWell(written, backend, inside)
  if (whole && inside.failure === null && !backend.ended) {
    backend.send(headers(fed.limits, SIBLING, OK))
    hold(answered(framesOf(bystander.received), SIBLING), 'the sibling was not answered')
  }
  leave(stage.proxy)
  const all = framesOf(Buffer.concat([first, client.take()]))
  const others = framesOf(bystander.take())
  mustBeMessages(all, 'response')
  for (const stream of [3, 5, 7]) hold(told(all, stream), () => `stream ${stream} was never told`)
  hold(told(others, SIBLING), 'the bystander was never told')
  hold(
    [...all, ...others].every((each) => !isError(each)),
    'a client was blamed',
  )
  leave(stage.proxy, client, bystander)
  return outcome
}

function checkBackend(wire: Buffer, whole: boolean, fed: Omit<Fed, 'pieces' | 'edits'>): void {
  const outcome = runBackend(wire, whole, 'whole', fed)
  mustBeSame(outcome, runBackend(wire, whole, 'in-one-turn', fed))
  mustBeSame(outcome, runBackend(wire, whole, 'in-one-turn', { ...fed, places: [] }))
  runBackend(wire, whole, 'in-turns', fed)
}

const clear = (pieces: readonly Piece[], edits: readonly Edit[]): boolean =>
  edits.length === 0 && isWhole(pieces) && !pieces.some((each) => each.type === GOAWAY)
const show = (fed: Fed): string =>
  `${showPieces(fed.pieces)}\n${JSON.stringify({ ...fed, pieces: undefined })}`
const arbitrary = (sender: 'client' | 'server', limits: fc.Arbitrary<SomeLimits>): fc.Arbitrary<Fed> =>
  fc.record({
    pieces: frames(sender),
    edits: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: edits }),
    places,
    limits,
  })
/** Limits for octets alone, which are soon reached. */
const CLOSE: Omit<Fed, 'pieces' | 'edits'> = {
  places: [0x3333, 0x6666, 0x9999, 0xcccc],
  limits: {
    http2: { idleFramesBurst: 20, resetsBurst: 5, concurrentStreamsMax: 4 },
    transport: { connectionHeldBytesMax: 1 << 24 },
  },
}

export const frontend: Target<Fed> = {
  about:
    "a client's frames into a frontend connection, split anywhere, with siblings and a backend (frontend.ts)",
  arbitrary: arbitrary('client', limits),
  check: ({ pieces, edits, ...fed }) =>
    checkFrontend(mangle(clientWire(pieces, fed.limits), edits), clear(pieces, edits), fed),
  show,
  octets: {
    of: ({ pieces, edits }) => mangle(clientWire(pieces, {}), edits),
    check: (octets) => checkFrontend(octets, false, CLOSE),
  },
}

export const backend: Target<Fed> = {
  about: "a backend's frames into a backend connection, split anywhere, with several clients (backend.ts)",
  arbitrary: arbitrary('server', serverLimits),
  check: ({ pieces, edits, ...fed }) =>
    checkBackend(mangle(wireOf(pieces), edits), clear(pieces, edits), fed),
  show,
  octets: {
    of: ({ pieces, edits }) => mangle(wireOf(pieces), edits),
    check: (octets) => checkBackend(octets, false, CLOSE),
  },
}
