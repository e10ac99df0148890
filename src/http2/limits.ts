// The bounds of this room, in one place: names, defaults, units. Only server/ knows of files and options.

import type { FrameReaderLimits } from './frame-reader.js'

export interface Http2Limits extends FrameReaderLimits {
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
  /** octets a stream may send before it gets credit: first, and at most when it flows well */
  readonly streamWindow: number
  readonly streamWindowMax: number
  /** octets all streams of a connection may send before it gets credit */
  readonly connectionWindow: number
  /** octets of one write: the size of an output slab */
  readonly flushBytesMax: number
  /** octets of control frames that may wait to be written */
  readonly controlBytesMax: number
  /** frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA …): as many at once, as many a second */
  readonly idleFramesBurst: number
  readonly idleFramesPerSecond: number
  /** streams reset by a client or for its faults: as many at once, as many a second (CVE-2023-44487, CVE-2025-8671) */
  readonly resetsBurst: number
  readonly resetsPerSecond: number
  /** RST_STREAM we send to one backend: as many at once, as many a second; and a reserve for unfinished requests */
  readonly backendResetsBurst: number
  readonly backendResetsPerSecond: number
  readonly backendResetsReserve: number
  /** interim (1xx) responses of one stream */
  readonly interimsMax: number
  /** ms for the client's preface */
  readonly prefaceMs: number
  /** ms for the peer to acknowledge our SETTINGS (RFC 9113 §6.5.3); its own SETTINGS come before that */
  readonly settingsAckMs: number
  /** ms for a connection to a backend to be made */
  readonly connectMs: number
  /** ms a client connection without streams stays open */
  readonly frontendIdleMs: number
  /** ms a backend connection without streams stays open */
  readonly backendIdleMs: number
  /** ms of silence with streams open before a PING is sent, and ms for its answer */
  readonly pingAfterMs: number
  readonly pingTimeoutMs: number
  /** ms a stream whose client has left may run dry before it is reset or its connection retired */
  readonly dryMs: number
  /** ms a closing connection waits for the peer's end */
  readonly lingerMs: number
}

export const http2Limits: Http2Limits = {
  headerBlockBytesMax: 64 * 1024,
  continuationsMax: 32,
  headerListBytesMax: 32 * 1024,
  fieldsMax: 256,
  headerTableBytesMax: 4096,
  concurrentStreamsMax: 128,
  backendStreamsMax: 10_000,
  streamWindow: 65_535,
  streamWindowMax: 256 * 1024,
  connectionWindow: 1024 * 1024,
  flushBytesMax: 256 * 1024,
  controlBytesMax: 16 * 1024,
  idleFramesBurst: 1_000,
  idleFramesPerSecond: 100,
  resetsBurst: 500,
  resetsPerSecond: 50,
  backendResetsBurst: 300,
  backendResetsPerSecond: 20,
  backendResetsReserve: 200,
  interimsMax: 16,
  prefaceMs: 10_000,
  settingsAckMs: 10_000,
  connectMs: 5_000,
  frontendIdleMs: 180_000,
  backendIdleMs: 60_000,
  pingAfterMs: 15_000,
  pingTimeoutMs: 5_000,
  dryMs: 10_000,
  lingerMs: 1_000,
}
