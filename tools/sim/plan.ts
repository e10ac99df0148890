// A plan: all numbers that determine a run, drawn from its seed. Each seed draws its own mix (swarm testing):
// about half of the kinds of faults are off in any one run, so that the others get further. A plan that fails
// is shortened number by number (shrink.ts), and can be said on the command line: NAME=NUMBER,….

import { Prng } from '../../src/pollset/index.js'

interface Knob {
  /** The quietest value: what a shortened plan tends to. */
  readonly calm: number
  draw(chance: Prng): number
}

const knob = (calm: number, draw: (chance: Prng) => number): Knob => ({ calm, draw })
const between = (calm: number, least: number, most: number): Knob => knob(calm, (p) => p.between(least, most))
const oneOf = (calm: number, ...values: number[]): Knob => knob(calm, (p) => values[p.below(values.length)])
/** Off in half of the runs; else up to `most`, seldom much. */
const fault = (most: number): Knob => knob(0, (p) => (p.chance(50) ? 0 : p.between(1, 1 + p.below(most))))

const KNOBS = {
  // The amount, and the time
  clients: between(1, 1, 4),
  requests: oneOf(1, 2, 10, 20, 30, 40),
  spreadMs: oneOf(0, 0, 10, 100, 500),
  runMs: oneOf(100, 200, 600, 1500),

  // The network
  latencyMs: oneOf(0, 0, 1, 5, 30),
  splitPercent: fault(60),
  coalescePercent: fault(100),
  sendBufferBytes: oneOf(0, 0, 0, 50, 1000, 16384),
  stallPercent: fault(10),
  stallMs: oneOf(10, 20, 200, 1000),
  resetPercent: fault(40),
  vanishPercent: fault(20),
  faultWithinMs: oneOf(100, 20, 300, 1500),
  refusePercent: fault(50),
  hangPercent: fault(30),
  unresolvedPercent: fault(20),

  // Both kinds of peers
  creditDelayMs: oneOf(0, 0, 0, 5, 100),
  stuckPercent: fault(30),
  chunkBytes: oneOf(16384, 1, 100, 5000, 16384),
  paceMs: oneOf(0, 0, 0, 3, 30),
  paddedPercent: fault(40),
  trailersPercent: fault(50),
  lengthPercent: knob(0, (p) => p.below(101)),
  brokenPercent: fault(8),
  pingPercent: fault(50),
  settingsPercent: fault(60),
  partialPercent: fault(20),

  // Clients
  clientWindow: oneOf(65535, 0, 100, 1000, 20_000, 65535, 65535, 1_000_000),
  clientTable: oneOf(4096, 0, 100, 4096, 4096, 65536),
  headPercent: fault(30),
  uploadPercent: knob(0, (p) => p.below(101)),
  uploadBytes: oneOf(100, 1, 100, 1000, 5000, 5000, 70_000, 150_000),
  fieldsPercent: fault(30),
  cancelPercent: fault(40),
  cancelWithinMs: oneOf(0, 0, 10, 100, 500),
  leavePercent: fault(60),

  // Backends
  backendWindow: oneOf(65535, 0, 100, 1000, 20_000, 65535, 65535, 1_000_000),
  backendTable: oneOf(4096, 0, 100, 4096, 4096, 65536),
  backendStreams: oneOf(100, 1, 2, 5, 100, 100),
  responseBytes: oneOf(100, 0, 100, 1000, 5000, 5000, 70_000, 150_000),
  thinkMs: oneOf(0, 0, 0, 10, 100, 800),
  silentPercent: fault(15),
  earlyPercent: fault(100),
  interimPercent: fault(40),
  refusedPercent: fault(25),
  rstPercent: fault(20),
  goawayPercent: fault(60),
  diePercent: fault(40),
  downPercent: fault(30),

  // The hand
  holdPercent: fault(20),
  holdMs: oneOf(10, 1, 50, 1000),
  holdOnPercent: fault(40),

  /** 1: no faults at all, and exchanges held until all heals: the others must go on as if nothing were (S6). */
  handOnly: oneOf(0, ...new Array<number>(24).fill(0), 1),

  // The proxy's own bounds
  shareConnection: oneOf(0, 0, 0, 1),
  stepsMax: oneOf(64, 64, 64, 2),
  sessionsMax: oneOf(16, 1, 2, 4, 16, 16),
  openingMax: oneOf(1, 1, 1, 3),
  queueMax: oneOf(1000, 2, 8, 1000, 1000, 1000),
  reopenDelayMs: oneOf(100, 10, 100, 1000),
  leaseTimeoutMs: oneOf(1000, 100, 1000, 2000, 2000),
  headTimeoutMs: oneOf(2000, 100, 1000, 3000),
  bodyTimeoutMs: oneOf(2000, 300, 1000, 3000),
  retryTimeoutMs: oneOf(3000, 50, 1000, 5000),
  attemptsMax: oneOf(3, 1, 2, 3, 5),
  replayBytesMax: oneOf(65536, 0, 100, 5000, 65536),
  heldBytesSoft: oneOf(1_000_000_000, 2000, 20_000, 100_000, 1_000_000_000),
  heldBytesOver: oneOf(1_000_000_000, 0, 10_000, 100_000, 1_000_000_000),
  connectionHeldBytesMax: oneOf(1_000_000_000, 2000, 40_000, 1_000_000_000, 1_000_000_000),
  heldStallMs: oneOf(100, 10, 100, 1000),
  streamWindow: oneOf(65535, 1, 500, 5000, 65535, 65535, 65535),
  streamWindowOver: oneOf(0, 0, 100, 200_000),
  connectionWindow: oneOf(1_048_576, 65535, 100_000, 1_048_576),
  flushBytesMax: oneOf(16_384, 4096, 16_384, 65_536),
  controlBytesMax: oneOf(1024, 1024, 2048),
  headerTableBytesMax: oneOf(4096, 0, 200, 4096),
  concurrentStreamsMax: oneOf(100, 2, 10, 100),
  resetsBurst: oneOf(500, 1, 10, 500, 500),
  backendResetsBurst: oneOf(300, 1, 3, 300, 300),
  backendResetsReserve: oneOf(200, 0, 2, 200),
  backendResetsPerSecond: oneOf(20, 1, 20),
  discardMs: oneOf(500, 50, 500, 3000),
  connectMs: oneOf(300, 100, 500),
  frontendIdleMs: oneOf(3000, 1500, 5000),
  backendIdleMs: oneOf(3000, 1200, 5000),
  pingAfterMs: oneOf(2000, 500, 2000),
  frontendPingTimeoutMs: oneOf(500, 300, 1000),
  lingerMs: oneOf(100, 20, 300),

  // HTTP/1.1: its speakers, and their further behaviour. It comes after all others, so that these draw the
  // same numbers as before.
  http1ClientsPercent: oneOf(0, 0, 0, 50, 100, 100),
  http1Backend: oneOf(0, 0, 1),
  http10Percent: fault(30),
  pipelinePercent: oneOf(0, 0, 50, 100),
  closePercent: fault(30),
  endsPercent: fault(50),
  excessPercent: fault(15),
  truncatedPercent: fault(25),
  untilClosePercent: fault(50),
  bodyAheadBytesMax: oneOf(131_072, 1, 1000, 20_000, 131_072),
  headMs: oneOf(1000, 200, 1000),
  keepAliveMs: oneOf(3000, 100, 1500, 3000),
  keepAliveRequestsMax: oneOf(1000, 1, 5, 1000, 1000),

  // Tunnels, and 100-continue: of both versions, and behind all others for the same reason.
  tunnelPercent: oneOf(0, 0, 0, 0, 10, 50),
  connectPercent: oneOf(0, 0, 50, 100),
  earlyOctetsPercent: fault(60),
  declinePercent: fault(40),
  lastingPercent: fault(40),
  backendTunnels: oneOf(1, 1, 1, 1, 0),
  tunnelIdleMs: oneOf(2000, 100, 500, 2000),
  tunnelsMax: oneOf(100, 1, 3, 100, 100),
  expectPercent: fault(60),
  expectWaitMs: oneOf(50, 10, 200, 1000),
  continuePercent: knob(100, (p) => p.below(101)),

  // Heads over every bound, and GOAWAY behind a request: behind all others for the same reason.
  largeHeadPercent: fault(20),
  goawayBehindPercent: fault(15),
  // The ends of HTTP/1.1 connections: FIN after a request, and backends that announce how long they keep one.
  halfClosePercent: fault(40),
  halfClosedMs: oneOf(2000, 100, 500, 2000),
  keepAliveToldPercent: fault(60),

  // Requests whose client forges what it is.
  forgedPercent: fault(60),
  // Peers that are slow and steady, and how PINGs are counted: behind all others for the same reason.
  slowPercent: fault(60),
  slowBytesPerSecond: oneOf(100_000, 3_000, 10_000, 100_000),
  pingIntervalMs: oneOf(60_000, 3_000, 10_000, 60_000),
  // Backends of HTTP/1.1 that answer early, and reset their connection behind it: behind all others for the
  // same reason.
  earlyResetPercent: fault(60),
  // Peers that send a PING with every message, as grpc-go does.
  chattyPercent: fault(30),
  idleFramesBurst: oneOf(1_000, 1_000),
  idleFramesPerSecond: oneOf(100, 100),

  // Responses: more interim ones than pass, and full ones that RST_STREAM(NO_ERROR) ends.
  interimStormPercent: fault(20),
  interimBytesMax: oneOf(65_536, 1024, 65_536),
  endsByResetPercent: fault(30),

  // More of the hand: it parks waiting exchanges, steers held ones, lets them go for one step only, and
  // vanishes. Behind all others.
  parkPercent: fault(40),
  steerPercent: fault(50),
  stepPercent: fault(60),
  vanishingPercent: fault(10),

  // Endpoints (endpoints.ts): how many, how they are balanced and checked, and what is sent again. With 0 the
  // backend is one address, without health. Behind all others.
  endpoints: oneOf(0, 0, 0, 0, 0, 0, 1, 2, 3, 4),
  policy: oneOf(0, 0, 1, 2, 3),
  hashBoundPercent: oneOf(0, 0, 125),
  weightMost: oneOf(1, 1, 1, 3),
  slowStartMs: oneOf(0, 0, 200, 2000),
  passiveConsecutive: oneOf(0, 0, 1, 3, 5),
  passiveRatePercent: oneOf(0, 0, 50),
  ejectionMs: oneOf(300, 50, 300, 1000),
  ejectedMaxPercent: oneOf(50, 0, 34, 50, 100),
  activeChecks: oneOf(0, 0, 0, 1, 2),
  checkIntervalMs: oneOf(200, 200, 500),
  checkTimeoutMs: oneOf(100, 20, 100),
  checksHealthy: oneOf(1, 1, 2),
  checksUnhealthy: oneOf(1, 1, 3),
  checksFirst: oneOf(0, 0, 1),
  panicPercent: oneOf(50, 0, 50, 50, 100),
  budgeted: oneOf(0, 0, 1),
  budgetRatioPercent: oneOf(20, 0, 20, 100),
  budgetPerSecond: oneOf(10, 0, 1, 10),
  retryOn503: oneOf(0, 0, 1),
  backoffFirstMs: oneOf(25, 1, 25, 200),
  backoffMostMs: oneOf(250, 10, 250),
  routeConnectMs: oneOf(0, 0, 0, 50, 150),
  backendRequestsMax: oneOf(0, 0, 0, 0, 10),
  endpointFaultPercent: fault(100),
  retryAfterPercent: fault(60),
  reloadPercent: fault(100),
  renamePercent: oneOf(0, 0, 20, 100),
  /** 1: no faults but those of endpoints, and the first of them has none: it serves what the others lose (A8). */
  endpointsOnly: oneOf(0, ...new Array<number>(24).fill(0), 1),

  // Tunnels of HTTP/1.1 to another protocol than WebSocket. Behind all others.
  upgradePercent: oneOf(0, 0, 0, 50),
  /** 1: requests pass filters that suspend them (filters.ts). Behind all others. */
  filters: oneOf(0, 0, 0, 1),
  /** 1: operators ask an admin listener (operators.ts). Behind all others. */
  operators: oneOf(0, 0, 0, 0, 1),
  /** 1: the configurations of a run with endpoints go through the changeover (changeovers.ts). */
  changeovers: oneOf(0, 0, 1),
  /** Requests of readers (filters/readers.ts), where there are filters. Behind all others. */
  readers: oneOf(0, 0, 5, 20, 40),

  /** 1: the run is one of Redis (redis/run.ts): its clients, its servers, and the numbers that follow. */
  redis: oneOf(0, 0, 0, 0, 0, 1),
  redisClients: oneOf(1, 1, 2, 3, 5, 8),
  redisCommands: oneOf(3, 3, 10, 30, 60),
  redisPipeline: oneOf(1, 1, 1, 4, 20),
  redisKeys: oneOf(1, 1, 3, 10),
  redisWritePercent: knob(50, (p) => p.below(101)),
  redisSeveralPercent: fault(40),
  redisMultiPercent: fault(30),
  redisBlockPercent: fault(20),
  redisSubscribePercent: fault(15),
  redisIdentityPercent: fault(20),
  redisMalformedPercent: fault(30),
  redisValueBytes: oneOf(10, 10, 300, 3000),
  redisLargePercent: fault(20),
  redisLargeBytes: oneOf(1000, 1000, 20_000, 200_000),
  redisSlowReaderPercent: fault(30),
  redisRestMs: oneOf(100, 100, 500, 3000),
  redisLeavePercent: fault(60),
  redisSlowPercent: fault(60),
  redisThinkMs: oneOf(5, 5, 100, 2000),
  redisSilentPercent: fault(5),
  redisDiePercent: fault(15),
  redisDownPercent: fault(50),
  redisLoadingPercent: fault(60),
  redisByBytePercent: fault(60),
  redisEndPercent: fault(20),
  // 0: auto, 1: never, 2: always.
  redisShare: oneOf(0, 0, 0, 0, 0, 0, 1, 2),
  redisClientsMax: oneOf(10_000, 3, 10_000, 10_000),
  redisCommandsMax: oneOf(1024, 1, 4, 1024, 1024),
  redisShareBytesMax: oneOf(131_072, 100, 2000, 131_072, 131_072),
  redisDepth: oneOf(1024, 1, 3, 1024, 1024),
  redisSharedSessions: oneOf(1, 1, 1, 1, 3),
  redisExclusiveMax: oneOf(100, 1, 3, 100, 100),
  redisIdentitiesMax: oneOf(100, 3, 100, 100),
  redisLeaseMs: oneOf(1000, 100, 1000, 3000),
  /** Servers of a simulation answer within some ms, so the default hardly gathers. */
  redisGatherMs: oneOf(1000, 1, 0, 20, 1000),
  redisCommandMs: oneOf(2000, 100, 1000, 3000),
  redisStallMs: oneOf(4000, 100, 1000, 4000),
  redisClientWaitingBytes: oneOf(1_048_576, 50, 1000, 1_048_576, 1_048_576),
  redisClientHeldOver: oneOf(1_048_576, 2000, 1_048_576, 1_048_576),
  redisShareReplyOver: oneOf(1_048_576, 0, 500, 1_048_576, 1_048_576),
  redisSlowReaderMs: oneOf(1000, 100, 1000),
  redisSessionWaitingBytes: oneOf(1_048_576, 50, 1000, 1_048_576, 1_048_576),
  redisRetryBytesMax: oneOf(1024, 0, 40, 1024, 1024),
  redisIdleMs: oneOf(3000, 300, 3000),

  /** 1: where there are filters, two processes share a store (stores/part.ts). Behind all others. */
  store: oneOf(0, 0, 1),
  storeTimeoutMs: oneOf(50, 5, 50, 300),
  storeFailuresMax: oneOf(5, 1, 3, 5),
  storePauseMs: oneOf(100, 20, 100, 300),
  storeProbeMs: oneOf(50, 20, 50, 200),
  streamBlockMs: oneOf(200, 20, 200, 1000),
  storePurges: oneOf(0, 0, 3, 10, 30),
  storeSlowPercent: fault(60),
  storeThinkMs: oneOf(5, 5, 50, 400),
  storeSilentPercent: fault(15),
  storeDiePercent: fault(15),
  storeDownPercent: fault(50),
  storeWrongPercent: fault(20),
  storeByBytePercent: fault(60),
  storeForgetPercent: fault(60),
  storeTrimPercent: fault(60),

  // A Redis Cluster (redis/cluster.ts) of so many nodes; 0: one server. Behind all others.
  redisNodes: oneOf(0, 0, 0, 0, 2, 3, 5),
  redisMoveMs: oneOf(0, 0, 10, 50, 300),
  redisMigrateMs: oneOf(0, 0, 20, 200, 1000),
  redisRumourMs: oneOf(0, 0, 20, 500),
  redisMapFaultPercent: fault(70),
  redisFailoverPercent: oneOf(0, 0, 50, 100),
  redisRedirectsMax: oneOf(8, 1, 8, 8),
  redisTryAgainMs: oneOf(50, 10, 50, 200),
  redisClusterLeastMs: oneOf(1000, 50, 1000),
  redisClusterEveryMs: oneOf(5000, 1000, 5000),
  redisClusterAnswerMs: oneOf(1000, 100, 1000),
  redisClusterHeldBytes: oneOf(1_048_576, 100, 2000, 1_048_576, 1_048_576),
  /** Sessions that engines of exclusive sessions keep open. Behind all others. */
  redisSessionsMin: oneOf(0, 0, 0, 1, 3),
  // So many servers, among which keys are divided (redis/shards.ts), if there is no cluster; 0: one.
  redisShards: oneOf(0, 0, 0, 0, 2, 3),
  redisPrefixes: oneOf(0, 0, 1),
  redisReloadMs: oneOf(0, 0, 0, 20, 200),
  /** The memory budget of a run of Redis: its soft limit, and the bytes above it. Behind all others. */
  redisHeldSoft: oneOf(1_000_000_000, 3000, 30_000, 300_000, 1_000_000_000, 1_000_000_000),
  redisHeldOver: oneOf(1_000_000_000, 0, 10_000, 100_000, 1_000_000_000),
  /** 1: a slot may return to a node of the cluster that has had it. Behind all others. */
  redisReturns: oneOf(0, 0, 1),
  redisTrackPercent: fault(15),
} as const satisfies Readonly<Record<string, Knob>>

/** ms that filters hold an exchange at most: the sum of their waits; that for keys is the longest. */
export const FILTERS_WAIT_MS = 20_000

export type PlanName = keyof typeof KNOBS
export type Plan = Readonly<Record<PlanName, number>> & { readonly seed: number }

type Set = Readonly<Partial<Record<PlanName, number>>>

export const planNames = Object.keys(KNOBS) as readonly PlanName[]
export const calmOf = (name: PlanName): number => KNOBS[name].calm

/** Everything at its quietest. */
const allCalm: Set = Object.fromEntries(planNames.map((name) => [name, calmOf(name)]))

/** The numbers that stay drawn in a run whose only fault is the debugger. */
const WITH_THE_HAND: readonly PlanName[] = [
  'clients',
  'requests',
  'uploadPercent',
  'trailersPercent',
  'lengthPercent',
  'shareConnection',
  'stepsMax',
  'flushBytesMax',
  'redis',
  'redisClients',
  'redisCommands',
  'redisPipeline',
  'redisKeys',
  'redisWritePercent',
  'redisSeveralPercent',
  'redisMultiPercent',
]
const handOnly: Set = {
  ...Object.fromEntries(
    Object.entries(allCalm).filter(([name]) => !WITH_THE_HAND.includes(name as PlanName)),
  ),
  handOnly: 1,
  holdPercent: 5,
  holdOnPercent: 100,
  runMs: 1900,
}

/** The numbers that stay drawn in a run whose only faults are those of endpoints. */
const WITH_ENDPOINTS: readonly PlanName[] = [
  ...WITH_THE_HAND,
  'http1ClientsPercent',
  'http1Backend',
  'headPercent',
  'thinkMs',
  'spreadMs',
  'policy',
  'hashBoundPercent',
  'weightMost',
  'slowStartMs',
  'passiveConsecutive',
  'passiveRatePercent',
  'ejectionMs',
  'ejectedMaxPercent',
  'activeChecks',
  'checkIntervalMs',
  'checksHealthy',
  'checksUnhealthy',
  'panicPercent',
  'routeConnectMs',
  'reloadPercent',
  'renamePercent',
]
const endpointsOnly: Set = {
  ...Object.fromEntries(
    Object.entries(allCalm).filter(([name]) => !WITH_ENDPOINTS.includes(name as PlanName)),
  ),
  endpointsOnly: 1,
  endpointFaultPercent: 90,
  retryOn503: 1,
  attemptsMax: 10,
  latencyMs: 5,
  leaseTimeoutMs: 10_000,
  runMs: 1000,
}

/** The plan of a seed; what is named in `set` is not drawn. */
export function drawPlan(seed: number, set: Set = {}): Plan {
  const chance = new Prng(seed)
  const plan: Record<string, number> = { seed }
  for (const name of planNames) {
    const drawn = KNOBS[name].draw(chance.fork())
    plan[name] = set[name] ?? drawn
  }
  if (plan.handOnly === 1)
    for (const name of planNames) plan[name] = set[name] ?? handOnly[name] ?? plan[name]
  if (plan.endpointsOnly === 1) {
    const fixed: Set = { ...endpointsOnly, redis: 0, endpoints: 2 + (seed % 3) }
    for (const name of planNames) plan[name] = set[name] ?? fixed[name] ?? plan[name]
  }
  return plan as Plan
}

/** Parses `NAME=NUMBER,…` of --plan, with `calm` before if given. Throws if it is malformed. */
export function parsePlan(text: string): Set {
  const set: Partial<Record<PlanName, number>> = {}
  for (const each of text.split(',')) {
    const match = /^(\w+)=(\d+)$/.exec(each)
    if (each === 'calm') Object.assign(set, allCalm)
    else if (match !== null && planNames.includes(match[1] as PlanName))
      set[match[1] as PlanName] = Number(match[2])
    else
      throw new RangeError(
        `'${each}' is no part of a plan: write NAME=NUMBER, the names being ${planNames.join(' ')}`,
      )
  }
  return set
}

/**
 * Returns the difference of a plan from the numbers of its seed, as an argument of --plan; '' without one.
 */
export function planDifference(plan: Plan): string {
  const from = (base: (name: PlanName) => number): string[] =>
    planNames.filter((name) => plan[name] !== base(name)).map((name) => `${name}=${plan[name]}`)
  const drawn = drawPlan(plan.seed)
  const fromDrawn = from((name) => drawn[name])
  const fromCalm = ['calm', ...from(calmOf)]
  return (fromCalm.length < fromDrawn.length ? fromCalm : fromDrawn).join(',')
}

/** The method of a client's next request, whichever version it speaks. */
export const methodOf = (upload: boolean, chance: Prng, plan: Plan): string => {
  if (upload) return ['POST', 'PUT', 'PATCH'][chance.below(3)]
  return chance.chance(plan.headPercent) ? 'HEAD' : 'GET'
}
