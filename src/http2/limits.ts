// The limits of this room: names, units and defaults. Only server/ knows files and options.

import { type InterimLimits, interimLimits } from '../http/index.js'
import { type LingerLimits, lingerLimits, type TransitLimits, transitLimits } from '../transport/index.js'
import type { FrameReaderLimits } from './frame-reader.js'

export interface Http2Limits extends FrameReaderLimits, InterimLimits, TransitLimits, LingerLimits {
  /** The bytes of a header list (RFC 9113 §6.5.2). Above: 431 for a request, 502 for a response. */
  readonly headerListBytesMax: number
  /** The number of field lines of one message. Above: 431 for a request, 502 for a response. */
  readonly fieldsMax: number
  /** The bytes of HPACK's dynamic table, in each direction (RFC 7541 §4.2). */
  readonly headerTableBytesMax: number
  /**
   * The number of streams that a client may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). Further ones
   * are refused with REFUSED_STREAM.
   */
  readonly concurrentStreamsMax: number
  /**
   * The number of streams that we open at once on one backend connection, even if it allows more. Further
   * requests use another connection, or wait.
   */
  readonly backendStreamsMax: number
  /**
   * The bytes that a new stream may send before it gets credit: its initial window. Past it the stream is
   * reset.
   */
  readonly streamWindow: number
  /**
   * The largest window of a stream, in bytes. The window of a stream whose bytes keep flowing grows up to it.
   */
  readonly streamWindowMax: number
  /**
   * The bytes that all streams of a connection together may send before it gets credit. Past them the
   * connection is closed.
   */
  readonly connectionWindow: number
  /** The bytes of control frames that wait to be written. Past them the connection is closed. */
  readonly controlBytesMax: number
  /**
   * The number of frames that carry no part of a message (PING, SETTINGS, PRIORITY, empty DATA …) that may
   * come at once. Past it the connection is closed. Work allows more of PING, WINDOW_UPDATE and RST_STREAM:
   * four for each response, three for each DATA frame, one for each 256 bytes of DATA.
   */
  readonly idleFramesBurst: number
  /** The number of frames that carry no part of a message that may come each second after the burst. */
  readonly idleFramesPerSecond: number
  /**
   * The bytes of sent DATA for which the peer may return credit later in pieces of 256 bytes and more, by
   * connection and stream together.
   */
  readonly unreturnedBytesMax: number
  /**
   * The number of streams that a client may reset at once, or that may be reset for its faults
   * (CVE-2023-44487, CVE-2025-8671). Past it the connection is closed.
   */
  readonly resetsBurst: number
  /** The number of streams that a client may reset each second after the burst. */
  readonly resetsPerSecond: number
  /**
   * The number of RST_STREAM frames that we send to one backend connection at once. Past it streams are
   * drained and discarded instead.
   */
  readonly backendResetsBurst: number
  /** The number of RST_STREAM frames that we send to one backend connection each second after the burst. */
  readonly backendResetsPerSecond: number
  /**
   * The number of further RST_STREAM frames in the life of a backend connection, for requests that have not
   * ended. Past it the connection takes no new streams.
   */
  readonly backendResetsReserve: number
  /** The bytes of one connection that are read in a turn. The rest waits for the next turn. */
  readonly turnBytesMax: number
  /** The number of frames of one connection that are read in a turn. The rest waits for the next turn. */
  readonly turnFramesMax: number
  /**
   * The time for the client's preface, the peer's first SETTINGS and its acknowledgement of ours, in ms. Past
   * it the connection is closed.
   */
  readonly prefaceMs: number
  /**
   * The time from the first byte of a frame other than DATA to its last, in ms; of a field block over all
   * its frames. Past it the connection is closed.
   */
  readonly frameMs: number
  /** The time after which a client connection without streams is closed, whatever else it sends, in ms. */
  readonly frontendIdleMs: number
  /** The time after which a backend connection without streams is closed, in ms. */
  readonly backendIdleMs: number
  /** The time of silence, while streams are open, after which a PING is sent, in ms. */
  readonly pingAfterMs: number
  /**
   * The time between two PINGs, unless HEADERS or DATA came in between, in ms. gRPC servers allow one in five
   * minutes.
   */
  readonly pingIntervalMs: number
  /**
   * The longest wait for a client's answer to PING, in ms. Past it the connection is closed. The time begins
   * when everything sent may have arrived (slowestBytesPerSecond).
   */
  readonly frontendPingTimeoutMs: number
  /** The longest wait for a backend's answer to PING, in ms. The time begins as for frontendPingTimeoutMs. */
  readonly backendPingTimeoutMs: number
  /**
   * The longest time for which DATA of a stream is discarded after its client has left, in ms. Then it is
   * reset, or its connection retired.
   */
  readonly discardMs: number
  /** The bytes of credit that streams whose DATA is discarded get at once, on one backend connection. */
  readonly discardBytesBurst: number
  /**
   * The bytes of credit that discarded streams get each second after the burst, on one backend connection.
   */
  readonly discardBytesPerSecond: number
  /**
   * The time in which a client that got GOAWAY may still open streams, in ms. It ends when the client
   * acknowledges a PING that was sent with the GOAWAY.
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
