// The numbers of HTTP/2 (RFC 9113 §6, §7, §6.5.2), by their names in the RFC.

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

export const Flag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const

export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const

const ERROR_NAMES = Object.keys(ErrorCode)
export const errorName = (code: number): string => ERROR_NAMES[code] ?? `0x${code.toString(16)}`

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  /** RFC 8441 §3 */
  ENABLE_CONNECT_PROTOCOL: 8,
} as const

/** RFC 9113 §3.4 */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
export const FRAME_HEADER_SIZE = 9
/** RFC 9113 §6.9.2: the initial window of a connection, and of a stream unless SETTINGS say otherwise. */
export const DEFAULT_WINDOW = 65_535
/** RFC 9113 §6.9.1 */
export const WINDOW_MAX = 0x7fffffff
/** RFC 9113 §4.2 */
export const DEFAULT_FRAME_SIZE = 16_384
