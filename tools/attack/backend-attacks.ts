// Attacks by backends, against a proxy, its clients and other backends.

import { block, frame, headers } from '../testbed/frames.js'
import {
  type Attack,
  blockFrames,
  bomb,
  data,
  goaway,
  many,
  oversized,
  ping,
  reset,
  response,
  settings,
  widen,
} from './attack.js'

const EACH = 100
const NONE = Buffer.alloc(0)

/** Waves of a frame that needs no stream. */
const flood = (name: string, make: (i: number) => Buffer): Attack => ({
  name,
  role: 'backend',
  wave: () => many(EACH, make),
})

/** Waves of a frame on the first stream that carried a request, after `first`. */
const onStream = (
  name: string,
  make: (id: number) => Buffer,
  first: (id: number) => Buffer = () => NONE,
  more: Partial<Attack> = {},
): Attack => {
  const { everyMs } = more
  return {
    name,
    role: 'backend',
    wave: (_, streams, fresh) =>
      streams.length === 0
        ? NONE
        : Buffer.concat([
            fresh.includes(streams[0]) ? first(streams[0]) : NONE,
            many(everyMs === undefined ? EACH : 1, () => make(streams[0])),
          ]),
    ...more,
  }
}

/** Sends this answer to each request. */
const forEach = (name: string, answer: (id: number) => Buffer, more: Partial<Attack> = {}): Attack => ({
  name,
  role: 'backend',
  wave: (_, __, fresh) => Buffer.concat(fresh.map(answer)),
  ...more,
})

const EMPTY_HEAD = block([[':status', '200']])

const open = (id: number): Buffer => response(id)

const FLOODS: readonly Attack[] = [
  flood('ping-flood', ping),
  flood('settings-flood', () => settings()),
  flood('settings-window-flap', (i) => settings([4, i % 2 === 0 ? 0 : 1_000_000])),
  flood('settings-table-flap', (i) => settings([1, i % 2 === 0 ? 0 : 65_536])),
  flood('settings-streams-flap', (i) => settings([3, i % 2 === 0 ? 0 : 100])),
  { ...flood('settings-parameters', () => frame(4, 0, 0, Buffer.alloc(6 * 2_000))), waves: 1 },
  flood('priority-flood', (i) => frame(2, 0, 2 * i + 1, Buffer.alloc(5))),
  flood('unknown-frames', () => frame(77, 0, 0)),
  flood('window-update-flood', () => widen(0, 1)),
  flood('goaway-flood', () => goaway(0x7fffffff)),
  onStream('save-then-flood', ping, (id) => Buffer.concat([open(id), many(4, () => data(id, 16_000))])),
  onStream('octets-and-ping', (id) => Buffer.concat([data(id, 1), ping()]), open),
  onStream(
    'resets-after-end',
    (id) => reset(id, 0),
    (id) => response(id, '200', [], true),
  ),
  forEach('resets-and-ping', (id) => Buffer.concat([reset(id), many(EACH, ping)])),
  { ...flood('unread-answers', ping), deaf: true, everyMs: 1_000 },
  onStream('empty-data', (id) => data(id, 0), open),
  onStream('padding-only-data', (id) => frame(0, 8, id, Buffer.from([3, 0, 0, 0])), open),
  onStream(
    'frames-for-gone-streams',
    (id) => headers(id, [['x', 'y']]),
    (id) => widen(id, 0),
  ),
  onStream(
    'data-for-gone-streams',
    (id) => data(id, 1),
    (id) => widen(id, 0),
  ),
  onStream(
    'errors-on-gone-streams',
    (id) => widen(id, 0),
    (id) => response(id, '200', [], true),
  ),
  onStream(
    'continuation-flood',
    (id) => frame(9, 0, id, Buffer.alloc(1, 0x88)),
    (id) => frame(1, 0, id),
  ),
  onStream(
    'continuation-octets',
    (id) => frame(9, 0, id, Buffer.alloc(16_000, 0x88)),
    (id) => frame(1, 0, id),
  ),
  onStream(
    'oversized-heads-for-gone-streams',
    (id) => oversized(id, EMPTY_HEAD),
    (id) => widen(id, 0),
  ),
]

const ANSWERS: readonly Attack[] = [
  forEach('reset-flood', reset, { waves: 50 }),
  forEach(
    'interims-then-answer',
    (id) => Buffer.concat([many(1_000, () => response(id, '103')), response(id, '200', [], true)]),
    { waves: 20 },
  ),
  forEach(
    'endless-trailers',
    (id) => Buffer.concat([response(id), many(30, () => headers(id, [['x', 'y']], false))]),
    {
      waves: 20,
    },
  ),
  forEach('hpack-bomb', (id) => blockFrames(id, bomb([[':status', '200']], 12_000), true), { waves: 20 }),
  forEach(
    'field-count',
    (id) => blockFrames(id, block([[':status', '200'], ...Array(300).fill(['a', 'b'])]), true),
    {
      waves: 20,
    },
  ),
  forEach('data-past-window', (id) => Buffer.concat([response(id), many(20, () => data(id, 16_000))]), {
    waves: 5,
  }),
  forEach('refused-always', (id) => frame(3, 0, id, Buffer.from([0, 0, 0, 7])), { waves: 20 }),
  forEach('calm-always', (id) => frame(3, 0, id, Buffer.from([0, 0, 0, 11])), { waves: 20 }),
  forEach('oversized-heads', (id) => blockFrames(id, Buffer.alloc(200_000, 0x88), true), { waves: 20 }),
  {
    name: 'goaway-after-one',
    role: 'backend',
    waves: 20,
    wave: (_, __, fresh) =>
      fresh.length === 0 ? NONE : Buffer.concat([goaway(fresh[0]), response(fresh[0], '200', [], true)]),
  },
  { name: 'killer-request', role: 'backend', hangsUp: true, everyMs: 200, wave: () => NONE },
  forEach('goaway-at-once', () => goaway(0), { waves: 20, everyMs: 600 }),
  {
    name: 'opens-only-to-close',
    role: 'backend',
    lastWords: Buffer.concat([settings([3, 0]), frame(4, 1, 0), goaway(0)]),
    everyMs: 200,
    wave: () => NONE,
  },
  { name: 'accepts-and-closes', role: 'backend', lastWords: NONE, everyMs: 200, wave: () => NONE },
]

const SLOW: readonly Attack[] = [
  { name: 'connections-never-used', role: 'backend', raw: true, everyMs: 2_000, wave: () => NONE },
  { name: 'settings-unacknowledged', role: 'backend', rude: true, everyMs: 2_000, wave: ping },
  { name: 'silence', role: 'backend', everyMs: 10_000, wave: ping },
  {
    name: 'continuation-trickles',
    role: 'backend',
    everyMs: 2_000,
    wave: (_, streams, fresh) =>
      streams.length === 0
        ? NONE
        : fresh[0] === streams[0]
          ? frame(1, 0, streams[0], block([[':status', '200']]))
          : frame(9, 0, streams[0]),
  },
  {
    name: 'endless-interims',
    role: 'backend',
    everyMs: 10_000,
    wave: (_, streams) => Buffer.concat(streams.map((id) => many(100, () => response(id, '103')))),
  },
  {
    name: 'endless-progress',
    role: 'backend',
    everyMs: 10_000,
    limits: { 'proxy.exchangeTimeoutMs': 100_000 },
    wave: (_, streams) => Buffer.concat(streams.map((id) => many(100, () => response(id, '102')))),
  },
  onStream(
    'body-trickles',
    (id) => data(id, 1),
    (id) => response(id, '200', [['content-length', '1000000']]),
    {
      everyMs: 10_000,
    },
  ),
  {
    name: 'window-held-shut',
    role: 'backend',
    everyMs: 10_000,
    victim: 'upload',
    wave: (at) => (at === 0 ? settings([4, 0]) : ping()),
  },
  {
    name: 'window-held-small',
    role: 'backend',
    everyMs: 10_000,
    victim: 'upload',
    wave: (at, streams) => (at === 0 ? settings([4, 0]) : many(streams.length, (i) => widen(streams[i], 1))),
  },
  { name: 'nothing-read', role: 'backend', deaf: true, victim: 'upload', everyMs: 1_000, wave: () => NONE },
]

export const backendAttacks: readonly Attack[] = [...FLOODS, ...ANSWERS, ...SLOW]
