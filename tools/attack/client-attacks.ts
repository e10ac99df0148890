// Attacks by clients, against a proxy and the backends behind it.

import { block, frame, headers, PREFACE } from '../testbed/frames.js'
import {
  type Attack,
  blockFrames,
  bomb,
  data,
  goaway,
  large,
  many,
  oversized,
  ping,
  quiet,
  request,
  reset,
  settings,
  wide,
  widen,
} from './attack.js'

/** The number of requests in a wave, each on a new stream. */
const EACH = 100
const id = (wave: number, i: number): number => 2 * (wave * EACH + i) + 1

/** Waves in which each stream is opened and then comes to harm. */
const streams = (name: string, harm: (id: number) => Buffer, open = (id: number) => quiet(id)): Attack => ({
  name,
  role: 'client',
  wave: (at) => many(EACH, (i) => Buffer.concat([open(id(at, i)), harm(id(at, i))])),
})

/** Waves of the same frame. */
const flood = (name: string, make: (i: number) => Buffer, first: Buffer = Buffer.alloc(0)): Attack => ({
  name,
  role: 'client',
  wave: (at) => Buffer.concat([at === 0 ? first : Buffer.alloc(0), many(EACH, make)]),
})

/** Sends these octets one by one, then nothing. */
const trickle = (name: string, octets: Buffer, everyMs: number, more: Partial<Attack> = {}): Attack => ({
  name,
  role: 'client',
  wave: (at) => octets.subarray(at, at + 1),
  everyMs,
  ...more,
})

const RESETS: readonly Attack[] = [
  streams('rapid-reset', reset),
  {
    // The streams are opened in one wave and reset in the next, when their bodies come.
    name: 'large-and-leave',
    role: 'client',
    wave: (at) => many(EACH, (i) => (at % 2 === 0 ? large(id(at >> 1, i)) : reset(id(at >> 1, i)))),
  },
  streams('made-you-reset-window-zero', (id) => widen(id, 0)),
  streams('made-you-reset-window-overflow', (id) => widen(id, 0x7fffffff)),
  streams('made-you-reset-data-after-end', (id) => data(id, 1)),
  streams('made-you-reset-headers-after-end', (id) => headers(id, [['x', 'y']])),
  streams('made-you-reset-priority-length', (id) => frame(2, 0, id, Buffer.alloc(4))),
  {
    ...streams(
      'made-you-reset-data-past-window',
      (id) => data(id, 1_001),
      (id) => quiet(id, false),
    ),
    limits: { 'http2.streamWindow': 1_000 },
  },
  streams(
    'made-you-reset-content-length-less',
    (id) => data(id, 1, 1),
    (id) => headers(id, request('/quiet', 'POST', [['content-length', '2']]), false),
  ),
  streams(
    'made-you-reset-content-length-more',
    (id) => data(id, 2),
    (id) => headers(id, request('/quiet', 'POST', [['content-length', '1']]), false),
  ),
  streams(
    'made-you-reset-trailers',
    (id) => headers(id, [[':path', '/']]),
    (id) => quiet(id, false),
  ),
  streams(
    'reset-flood',
    () => Buffer.alloc(0),
    (id) => headers(id, [[':method', 'GET']]),
  ),
  streams(
    'zero-length-fields',
    () => Buffer.alloc(0),
    (id) => headers(id, [...request('/quiet'), ['', '']]),
  ),
]

/** Waves in which a large body comes, whose window is never given back. */
const SAVING = 20
/** A flood, behind a large body. */
const saveThenFlood = (name: string, make: () => Buffer): Attack => ({
  name,
  role: 'client',
  wave: (at) => {
    if (at === 0) return Buffer.concat([wide(), large(1)])
    return at < SAVING ? Buffer.alloc(0) : many(EACH, make)
  },
})

const FLOODS: readonly Attack[] = [
  flood('ping-flood', ping),
  flood('settings-flood', () => settings()),
  flood(
    'settings-window-flap',
    (i) => settings([4, i % 2 === 0 ? 0 : 1_000_000]),
    many(100, (i) => large(2 * i + 1)),
  ),
  flood('settings-table-flap', (i) => settings([1, i % 2 === 0 ? 0 : 65_536])),
  // The number is so low that as frames they would do no harm.
  { ...flood('settings-parameters', () => frame(4, 0, 0, Buffer.alloc(6 * 2_000))), waves: 1 },
  flood('priority-flood', (i) => frame(2, 0, 2 * i + 1, Buffer.alloc(5))),
  flood('unknown-frames', () => frame(77, 0, 0)),
  flood('window-update-flood', () => widen(0, 1)),
  flood('empty-data', () => data(1, 0), quiet(1, false)),
  flood('padding-only-data', () => frame(0, 8, 1, Buffer.from([3, 0, 0, 0])), quiet(1, false)),
  flood('frames-for-gone-streams', () => headers(1, [['x', 'y']]), Buffer.concat([quiet(1), widen(1, 0)])),
  flood('data-for-gone-streams', () => data(1, 1), Buffer.concat([quiet(1, false), widen(1, 0)])),
  flood('goaway-flood', () => goaway(0)),
  saveThenFlood('save-then-flood', ping),
  {
    ...saveThenFlood('save-then-update', () => widen(0, 256)),
    limits: { 'http2.unreturnedBytesMax': 65_536 },
  },
  flood('octets-and-ping', () => Buffer.concat([data(1, 1), ping()]), quiet(1, false)),
  {
    ...streams('resets-and-ping', (id) => Buffer.concat([reset(id), ping(), ping(), ping()])),
    // The resets must not be the reason for its end.
    limits: { 'http2.resetsBurst': 100_000 },
  },
  flood('resets-after-end', () => reset(1, 0), Buffer.concat([quiet(1), reset(1)])),
  { ...flood('unread-answers', ping), deaf: true, everyMs: 1_000 },
  flood(
    'continuation-flood',
    () => frame(9, 0, 1, Buffer.alloc(1, 0x82)),
    frame(1, 0, 1, block(request('/quiet'))),
  ),
  flood('continuation-empty', () => frame(9, 0, 1), frame(1, 0, 1)),
  flood(
    'continuation-octets',
    () => frame(9, 0, 1, Buffer.alloc(16_000, 0x82)),
    frame(1, 0, 1, block(request('/quiet'))),
  ),
  {
    name: 'data-dribble',
    role: 'client',
    wave: (at) =>
      Buffer.concat([
        at === 0 ? Buffer.concat([settings([4, 0]), many(50, (i) => large(2 * i + 1))]) : Buffer.alloc(0),
        many(50, (i) => widen(2 * i + 1, 1)),
      ]),
  },
]

const LISTS: readonly Attack[] = [
  {
    name: 'oversized-heads',
    role: 'client',
    wave: (at) => many(10, (i) => oversized(2 * (10 * at + i) + 1, block(request('/quiet')))),
  },
  {
    name: 'hpack-bomb',
    role: 'client',
    waves: 20,
    wave: (at) => blockFrames(2 * at + 1, bomb(request('/quiet'), 12_000), true),
  },
  {
    name: 'table-size-updates',
    role: 'client',
    waves: 20,
    // 0x20: to 0; 0x3f 0xe1 0x1f: to 4,096
    wave: (at) =>
      blockFrames(
        2 * at + 1,
        Buffer.concat([
          many(5_000, () => Buffer.from([0x20, 0x3f, 0xe1, 0x1f])),
          bomb(request('/quiet'), 12_000),
        ]),
        true,
      ),
  },
  {
    name: 'field-count',
    role: 'client',
    waves: 20,
    wave: (at) =>
      blockFrames(2 * at + 1, block([...request('/quiet'), ...Array(300).fill(['a', 'b'])]), true),
  },
  {
    name: 'field-octets',
    role: 'client',
    waves: 20,
    wave: (at) =>
      blockFrames(
        2 * at + 1,
        block([...request('/quiet'), ...Array(250).fill(['a', 'b'.repeat(120)])]),
        true,
      ),
  },
]

const LARGE_ON_100 = many(100, (i) => large(2 * i + 1))

const SLOW: readonly Attack[] = [
  { name: 'connections-never-used', role: 'client', raw: true, everyMs: 2_000, wave: () => Buffer.alloc(0) },
  trickle('preface-trickles', PREFACE, 2_000, { raw: true }),
  trickle(
    'settings-trickle',
    Buffer.concat([PREFACE, settings([4, 1], [4, 2], [4, 3])]).subarray(23),
    2_000,
    {
      raw: true,
      wave: (at) => (at === 0 ? PREFACE : settings([4, 1], [4, 2], [4, 3]).subarray(at - 1, at)),
    },
  ),
  { name: 'settings-unacknowledged', role: 'client', rude: true, everyMs: 2_000, wave: ping },
  { name: 'idle-connections', role: 'client', everyMs: 10_000, wave: ping },
  trickle('head-trickles', headers(1, request(`/${'quiet'.repeat(20)}`)), 2_000),
  {
    name: 'continuation-trickles',
    role: 'client',
    everyMs: 2_000,
    wave: (at) => (at === 0 ? frame(1, 0, 1, block(request('/quiet'))) : frame(9, 0, 1, Buffer.alloc(0))),
  },
  {
    name: 'streams-too-many',
    role: 'client',
    waves: 3,
    wave: (at) => many(EACH, (i) => quiet(id(at, i))),
  },
  {
    name: 'streams-never-used',
    role: 'client',
    everyMs: 10_000,
    wave: (at) => (at === 0 ? many(100, (i) => quiet(2 * i + 1, false)) : ping()),
  },
  {
    name: 'body-trickles',
    role: 'client',
    everyMs: 10_000,
    wave: (at) =>
      at === 0 ? headers(1, request('/quiet', 'POST', [['content-length', '1000000']]), false) : data(1, 1),
  },
  {
    name: 'body-trickles-unpromised',
    role: 'client',
    everyMs: 10_000,
    limits: { 'proxy.exchangeTimeoutMs': 300_000 },
    wave: (at) => (at === 0 ? quiet(1, false) : data(1, 1)),
  },
  {
    name: 'window-held-shut',
    role: 'client',
    everyMs: 10_000,
    wave: (at) => (at === 0 ? Buffer.concat([settings([4, 0]), LARGE_ON_100]) : ping()),
  },
  {
    // The other bodies are taken as they come.
    name: 'window-held-beside',
    role: 'client',
    everyMs: 10_000,
    wave: (at) =>
      at === 0
        ? Buffer.concat([settings([4, 0]), widen(0, 0x7fff0000), large(1)])
        : Buffer.concat([large(2 * at + 1), widen(2 * at + 1, 0x7fffffff)]),
  },
  {
    name: 'window-held-small',
    role: 'client',
    everyMs: 10_000,
    wave: (at) =>
      at === 0 ? Buffer.concat([settings([4, 1]), LARGE_ON_100]) : many(100, (i) => widen(2 * i + 1, 1)),
  },
  {
    name: 'internal-buffering',
    role: 'client',
    deaf: true,
    everyMs: 1_000,
    wave: (at) =>
      at === 0
        ? Buffer.concat([settings([4, 0x7fffffff]), widen(0, 0x7fff0000), LARGE_ON_100])
        : Buffer.alloc(0),
  },
  {
    name: 'sips',
    role: 'client',
    sips: true,
    everyMs: 30_000,
    wave: (at) =>
      at === 0
        ? Buffer.concat([settings([4, 0x7fffffff]), widen(0, 0x7fff0000), LARGE_ON_100])
        : Buffer.alloc(0),
  },
  {
    // The last bytes are sent at once, then a byte a second, so that it is never silent.
    name: 'linger-drip',
    role: 'client',
    raw: true,
    stays: true,
    everyMs: 1_000,
    wave: (at) => Buffer.from(at === 0 ? 'PRI never' : 'x'),
  },
]

export const clientAttacks: readonly Attack[] = [...RESETS, ...FLOODS, ...LISTS, ...SLOW]
