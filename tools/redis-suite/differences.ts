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
  'CLIENT ID is a number of the proxy: the server tells its own number of a client, and has none for one that shares sessions'
const NAMES = 'CLIENT SETNAME is answered by the proxy: the server does not note the name'
const BUSY =
  'a script that runs for ever holds up the session that it shares: others wait, and are not told BUSY'
const PAUSED = 'a command that CLIENT PAUSE holds up holds up the session that it shares'

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'CLIENT ID is answered by the proxy: the server does not count it',
    unit: 'unit/latency-monitor',
    tests: ['LATENCY HISTOGRAM sub commands'],
  },
  {
    why: NAMES,
    unit: 'unit/slowlog',
    tests: ['SLOWLOG - logged entry sanity check', 'SLOWLOG - can clean older entries'],
  },
  {
    why: BUSY,
    unit: 'unit/scripting',
    tests: [
      'Timedout read-only scripts can be killed by SCRIPT KILL',
      'Timedout read-only scripts can be killed by SCRIPT KILL even when use pcall',
      'Timedout script does not cause a false dead client',
    ],
    hangs: true,
  },
  {
    why: BUSY,
    unit: 'unit/functions',
    tests: [
      'FUNCTION - test function kill',
      'FUNCTION - test script kill not working on function',
      'FUNCTION - test function kill not working on eval',
    ],
    hangs: true,
  },
  { why: IDS, unit: 'unit/introspection', tests: ['CLIENT LIST with IDs'] },
  {
    why: IDS,
    unit: 'unit/tracking',
    tests: [
      'CLIENT GETREDIR provides correct client id',
      'CLIENT TRACKINGINFO provides reasonable results when tracking on with options',
      'CLIENT TRACKINGINFO provides reasonable results when tracking redir broken',
      'RESP3 based basic redirect invalidation with client reply off',
    ],
  },
  {
    why: NAMES,
    unit: 'unit/querybuf',
    tests: ['query buffer resized correctly', 'query buffer resized correctly when not idle'],
  },
  {
    why: 'clients share the sessions that it counts',
    unit: 'unit/introspection',
    tests: ['CLIENT KILL SKIPME YES/NO will kill all clients'],
  },
  {
    why: 'a session of the client alone, which MULTI needs, selects its database first: MONITOR shows it',
    unit: 'unit/introspection',
    tests: ['MONITOR correctly handles multi-exec cases'],
  },
  {
    why: NAMES,
    unit: 'unit/introspection',
    tests: [
      'CLIENT SETNAME can assign a name to this connection',
      'CLIENT SETNAME can change the name of an existing connection',
      'After CLIENT SETNAME, connection can still be closed',
    ],
  },
  {
    why: PAUSED,
    unit: 'unit/pause',
    tests: [
      'Test write commands are paused by RO',
      'Test special commands are paused by RO',
      'Test scripts are blocked by pause RO',
      'Test multiple clients can be queued up and unblocked',
      'Test that client pause starts at the end of a transaction',
    ],
    hangs: true,
  },
]
