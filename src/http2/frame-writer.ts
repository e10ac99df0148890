// Writes frames (RFC 9113 §4.1, §6): each function writes one frame into a buffer at an offset and returns
// the offset after it. The caller has checked the room.

import { Flag, FRAME_HEADER_SIZE, FrameType } from './codes.js'

export function writeFrameHeader(
  b: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  b[at] = length >>> 16
  b[at + 1] = length >>> 8
  b[at + 2] = length
  b[at + 3] = type
  b[at + 4] = flags
  return writeUint32(b, at + 5, streamId)
}

function writeUint32(b: Buffer, at: number, value: number): number {
  b[at] = value >>> 24
  b[at + 1] = value >>> 16
  b[at + 2] = value >>> 8
  b[at + 3] = value
  return at + 4
}

export function writeRstStream(b: Buffer, at: number, streamId: number, code: number): number {
  return writeUint32(b, writeFrameHeader(b, at, 4, FrameType.RST_STREAM, 0, streamId), code)
}

export function writeWindowUpdate(b: Buffer, at: number, streamId: number, increment: number): number {
  return writeUint32(b, writeFrameHeader(b, at, 4, FrameType.WINDOW_UPDATE, 0, streamId), increment)
}

export function writePing(b: Buffer, at: number, payload: Uint8Array, from: number, ack: boolean): number {
  at = writeFrameHeader(b, at, 8, FrameType.PING, ack ? Flag.ACK : 0, 0)
  for (let i = 0; i < 8; i++) b[at + i] = payload[from + i]
  return at + 8
}

export function writeGoaway(
  b: Buffer,
  at: number,
  lastStreamId: number,
  code: number,
  debug: string,
): number {
  at = writeFrameHeader(b, at, 8 + debug.length, FrameType.GOAWAY, 0, 0)
  at = writeUint32(b, writeUint32(b, at, lastStreamId), code)
  return at + b.write(debug, at, 'latin1')
}

export function writeSettings(
  b: Buffer,
  at: number,
  settings: readonly (readonly [number, number])[],
): number {
  at = writeFrameHeader(b, at, settings.length * 6, FrameType.SETTINGS, 0, 0)
  for (const [id, value] of settings) {
    b[at] = id >>> 8
    b[at + 1] = id
    at = writeUint32(b, at + 2, value)
  }
  return at
}

export function writeSettingsAck(b: Buffer, at: number): number {
  return writeFrameHeader(b, at, 0, FrameType.SETTINGS, Flag.ACK, 0)
}

/**
 * Adds frame headers to a field block that was written from `start + 9` to `end`: HEADERS, and CONTINUATION
 * if it is larger than one frame (§6.10). Returns the offset after the last frame.
 */
export function frameFieldBlock(
  b: Buffer,
  start: number,
  end: number,
  streamId: number,
  endStream: boolean,
  frameSizeMax: number,
): number {
  const size = end - start - FRAME_HEADER_SIZE
  const flags = endStream ? Flag.END_STREAM : 0
  if (size <= frameSizeMax) {
    writeFrameHeader(b, start, size, FrameType.HEADERS, flags | Flag.END_HEADERS, streamId)
    return end
  }
  writeFrameHeader(b, start, frameSizeMax, FrameType.HEADERS, flags, streamId)
  let at = start + FRAME_HEADER_SIZE + frameSizeMax
  while (at < end) {
    const part = Math.min(frameSizeMax, end - at)
    b.copyWithin(at + FRAME_HEADER_SIZE, at, end)
    end += FRAME_HEADER_SIZE
    const last = at + FRAME_HEADER_SIZE + part === end
    writeFrameHeader(b, at, part, FrameType.CONTINUATION, last ? Flag.END_HEADERS : 0, streamId)
    at += FRAME_HEADER_SIZE + part
  }
  return end
}

/** Returns the octets of frame headers that a block of this size needs. */
export const blockOverhead = (size: number, frameSizeMax: number): number =>
  FRAME_HEADER_SIZE * (1 + Math.ceil(size / frameSizeMax))
