// The bounds of this room, in one place: names, defaults, units. Only server/ knows of files and options.

import { type InterimLimits, interimLimits } from '../http/index.js'
import { type LingerLimits, lingerLimits, type TransitLimits, transitLimits } from '../transport/index.js'
import type { FrameReaderLimits } from './frame-reader.js'

export interface Http2Limits extends FrameReaderLimits, InterimLimits, TransitLimits, LingerLimits {
  /** octets, RFC 9113 §6.5.2: requests above get 431, responses above 502 */
  readonly headerListBytesMax: number
  /** field lines of one message */
  readonly fieldsMax: number
  /** octets of HPACK's dynamic table, in each direction (RFC 7541 §4.2) */
  readonly headerTableBytesMax: number
  /** streams a client may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS) */
  readonly concurrentStreamsMax: number
  /** streams we open on one backend connection, whatever it allows */
  readonly backendStreamsMax: number
  /** bytes a stream may send before it gets credit: its window at first */
  readonly streamWindow: number
  /** bytes a stream may send before it gets credit, at most: its window grows so far where it flows well */
  readonly streamWindowMax: number
  /** octets all streams of a connection may send before it gets credit */
  readonly connectionWindow: number
  /** octets of control frames that may wait to be written */
  readonly controlBytesMax: number
  /**
   * frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA …): as many at once, as many a second.
   * PING, WINDOW_UPDATE and RST_STREAM may also come with work: four for each answer, three for each message
   * of DATA, one for each 256 octets of it
   */
  readonly idleFramesBurst: number
  /** frames with no work that are taken each second behind the burst */
  readonly idleFramesPerSecond: number
  /**
   * octets of sent DATA that the peer may give back later in pieces of 256 and more, by connection and stream
   * together
   */
  readonly unreturnedBytesMax: number
  /**
   * streams reset by a client or for its faults: as many at once, as many a second (CVE-2023-44487,
   * CVE-2025-8671)
   */
  readonly resetsBurst: number
  /** resets by one client that are taken each second behind the burst */
  readonly resetsPerSecond: number
  /**
   * RST_STREAM we send to one backend: as many at once, as many a second; and a reserve for unfinished
   * requests
   */
  readonly backendResetsBurst: number
  /** resets that one backend connection is sent each second behind the burst */
  readonly backendResetsPerSecond: number
  /** resets beside that budget in the life of a backend connection, for requests that are unfinished */
  readonly backendResetsReserve: number
  /**
   * octets, and frames, of one connection read in a turn: past either, what has come further waits for the
   * next
   */
  readonly turnBytesMax: number
  /** frames that one connection may have read in one turn */
  readonly turnFramesMax: number
  /** ms for the client's preface, for the peer's first SETTINGS, and for its acknowledgement of ours */
  readonly prefaceMs: number
  /**
   * ms for a frame other than DATA, and for a field block over all its frames, from its first octet to its
   * last
   */
  readonly frameMs: number
  /** ms a client connection without streams stays open, whatever else it sends */
  readonly frontendIdleMs: number
  /** ms a backend connection without streams stays open */
  readonly backendIdleMs: number
  /** ms of silence, with streams open, before a PING is sent */
  readonly pingAfterMs: number
  /**
   * ms from one PING to the next, unless HEADERS or DATA came in between: gRPC servers allow one in five
   * minutes, and PINGs may arrive closer together than they left
   */
  readonly pingIntervalMs: number
  /**
   * ms for the answer to a PING, of a client and of a backend, beside what is on its way
   * (slowestBytesPerSecond)
   */
  readonly frontendPingTimeoutMs: number
  /** ms that a silent backend has to answer PING while it owes an answer */
  readonly backendPingTimeoutMs: number
  /** ms a stream whose client has left may run dry before it is reset or its connection retired */
  readonly discardMs: number
  /**
   * octets of credit that the dry streams of one backend connection get: as many at once, as many a second
   */
  readonly discardBytesBurst: number
  /** bytes of credit each second, behind the burst, for the dry streams of one backend connection */
  readonly discardBytesPerSecond: number
  /**
   * ms in which a client that is told to open no more streams may still open some: until it acknowledges a
   * PING sent with that
   */
  readonly drainIdleMs: number
}

export const http2Limits: Http2Limits = {
  ...transitLimits,
  ...interimLimits,
  ...lingerLimits,
  headerBlockBytesMax: 64 * 1024,
  continuationsMax: 32,
  headerBlockDiscardMax: 256 * 1024,
  continuationsDiscardMax: 128,
  settingsMax: 32,
  headerListBytesMax: 32 * 1024,
  fieldsMax: 256,
  headerTableBytesMax: 4096,
  concurrentStreamsMax: 128,
  backendStreamsMax: 10_000,
  streamWindow: 65_535,
  streamWindowMax: 256 * 1024,
  connectionWindow: 1024 * 1024,
  controlBytesMax: 16 * 1024,
  idleFramesBurst: 1_000,
  idleFramesPerSecond: 100,
  unreturnedBytesMax: 2 * 1024 * 1024,
  resetsBurst: 500,
  resetsPerSecond: 50,
  backendResetsBurst: 300,
  backendResetsPerSecond: 20,
  backendResetsReserve: 200,
  turnBytesMax: 256 * 1024,
  turnFramesMax: 1_000,
  prefaceMs: 10_000,
  frameMs: 30_000,
  frontendIdleMs: 180_000,
  backendIdleMs: 60_000,
  pingAfterMs: 15_000,
  pingIntervalMs: 310_000,
  frontendPingTimeoutMs: 20_000,
  backendPingTimeoutMs: 5_000,
  discardMs: 10_000,
  discardBytesBurst: 1024 * 1024,
  discardBytesPerSecond: 1024 * 1024,
  drainIdleMs: 1_000,
}
