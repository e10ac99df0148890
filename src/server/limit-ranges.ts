// The range of each limit, if it is not "1 or more".

import type { Limits } from './limits.js'

const KIB = 1024
const MIB = 1024 * KIB
/** A bound above any useful count. */
const MANY = 1_000_000

/**
 * The least and the greatest value. The least allows the messages of every usual peer; the greatest is
 * bounded by a window, a SETTINGS value or memory. checkLimits checks limits that depend on each other.
 */
export const LIMIT_RANGES: {
  readonly [Room in keyof Limits]?: Readonly<Partial<Record<keyof Limits[Room], readonly [number, number]>>>
} = {
  pollset: {
    readAheadBytesMax: [KIB, 1024 * MIB],
    lookAheadBytesMax: [1, 1024 * MIB],
    acceptQueueMax: [1, MANY],
    commandsMax: [1, MANY],
    backlog: [1, 65_535],
    // The greatest number of seconds that Linux takes.
    frontendTcpKeepAliveMs: [0, 32_767_000],
    backendTcpKeepAliveMs: [0, 32_767_000],
  },
  engine: {
    sessionsMax: [1, MANY],
    sessionsMin: [0, MANY],
    surrenderedMax: [0, MANY],
    openingMax: [1, MANY],
    boundSessionsMax: [0, MANY],
    sessionAgeMs: [0, Number.MAX_SAFE_INTEGER],
    streamsPerSessionMax: [0, MANY],
  },
  transport: {
    heldBytesSoft: [MIB, Number.MAX_SAFE_INTEGER],
    heldBytesMax: [MIB, Number.MAX_SAFE_INTEGER],
    connectionHeldBytesMax: [64 * KIB, Number.MAX_SAFE_INTEGER],
    connectAttemptMs: [10, Number.MAX_SAFE_INTEGER],
    connectAddressesMax: [1, 64],
    flushBytesMax: [64 * KIB, 16 * MIB],
  },
  http1: {
    startLineBytesMax: [KIB, 16 * MIB],
    methodBytesMax: [7, 8 * KIB],
    emptyLinesMax: [0, MANY],
    fieldSectionBytesMax: [KIB, 16 * MIB],
    fieldsMax: [16, 65_536],
    // A hexadecimal number of 14 digits is not exact in JavaScript: two readers would see two different ends.
    chunkSizeDigitsMax: [1, 13],
    chunkPaddingBytesMax: [0, KIB],
    chunkExtensionBytesMax: [0, 16 * MIB],
    trailerSectionBytesMax: [64, 16 * MIB],
    trailersMax: [0, 65_536],
    halfClosedMs: [0, Number.MAX_SAFE_INTEGER],
    drainIdleMs: [0, Number.MAX_SAFE_INTEGER],
    interimsBurst: [1, MANY],
    interimBytesMax: [KIB, 16 * MIB],
    transitBytesMax: [64 * KIB, 1024 * MIB],
  },
  http2: {
    fieldsMax: [16, 65_536],
    drainIdleMs: [0, Number.MAX_SAFE_INTEGER],
    interimsBurst: [1, MANY],
    interimBytesMax: [KIB, 16 * MIB],
    headerBlockBytesMax: [KIB, 16 * MIB],
    continuationsMax: [1, MANY],
    headerBlockDiscardMax: [KIB, 16 * MIB],
    continuationsDiscardMax: [1, MANY],
    settingsMax: [6, 2_730],
    concurrentStreamsMax: [1, MANY],
    backendStreamsMax: [1, MANY],
    // A SETTINGS frame that changes windows counts as twenty.
    idleFramesBurst: [100, MANY],
    streamWindow: [1, 0x7fffffff],
    streamWindowMax: [1, 0x7fffffff],
    connectionWindow: [65_535, 0x7fffffff],
    headerListBytesMax: [KIB, 48 * KIB],
    headerTableBytesMax: [0, 64 * KIB],
    controlBytesMax: [KIB, 48 * KIB],
    transitBytesMax: [64 * KIB, 1024 * MIB],
  },
  proxy: {
    replayBytesMax: [0, 16 * MIB],
    staleAttemptsMax: [0, MANY],
    tunnelsMax: [0, Number.MAX_SAFE_INTEGER],
    filterHeadBytesMax: [KIB, 16 * MIB],
  },
  filters: {
    hashesMax: [1, 2],
    hashQueueMax: [0, MANY],
    codingsMax: [1, 128],
    codingQueueMax: [1, MANY],
    hashesPerClientMax: [1, MANY],
  },
  workers: {
    startMs: [100, Number.MAX_SAFE_INTEGER],
    startsMax: [1, MANY],
    questionsMax: [1, MANY],
    connectionsWaitingMax: [1, MANY],
  },
  server: {
    accessLogBytesMax: [64 * KIB, 1024 * MIB],
    abusesMax: [0, Number.MAX_SAFE_INTEGER],
    connectionsPerAddressMax: [0, Number.MAX_SAFE_INTEGER],
    proxyHeaderBytesMax: [232, 65_551],
    logLineCharactersMax: [100, MANY],
    processLogBytesMax: [64 * KIB, 1024 * MIB],
  },
}
