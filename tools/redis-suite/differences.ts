// The tests of Redis's own suite that pass directly and not through `--share auto`. The list may only shrink:
// a test that fails and is not here is a fault, and so is one that is here and passes.

export interface Difference {
  /** The reason why they do not pass. */
  readonly why: string
  readonly unit: string
  readonly tests: readonly string[]
  /** They do not end: each runs by itself. */
  readonly hangs?: true
}

const IDS =
  'CLIENT ID is a number of the proxy: the server knows no client of this number (CLIENT LIST, UNBLOCK, KILL)'

export const DIFFERENCES: readonly Difference[] = [
  {
    why: IDS,
    unit: 'unit/type/list',
    tests: [
      'SWAPDB wants to wake blocked client, but the key already expired',
      'MULTI + LPUSH + EXPIRE + DEBUG SLEEP on blocked client, key already expired',
    ],
  },
  { why: IDS, unit: 'unit/type/list', tests: ['client unblock tests'], hangs: true },
  {
    why: 'CLIENT ID is answered by the proxy: the server does not count it',
    unit: 'unit/latency-monitor',
    tests: ['LATENCY HISTOGRAM sub commands'],
  },
  {
    why: 'CLIENT SETNAME is answered by the proxy: the server does not note the name',
    unit: 'unit/slowlog',
    tests: ['SLOWLOG - logged entry sanity check', 'SLOWLOG - can clean older entries'],
  },
]
