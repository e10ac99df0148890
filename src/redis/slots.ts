// The slot of a key (Redis Cluster specification, "Key distribution model"): CRC16 of the key, or of what
// stands in its first braces, in 16384 slots.

export const SLOTS = 16_384

const POLYNOMIAL = 0x1021
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1
  return crc & 0xffff
})

const OPEN = 0x7b
const CLOSE = 0x7d

/** Returns the slot of the key that these bytes are. */
export function slotOf(buffer: Buffer, from: number, to: number): number {
  let first = from
  let end = to
  const open = buffer.indexOf(OPEN, from)
  if (open >= 0 && open < to) {
    const close = buffer.indexOf(CLOSE, open + 1)
    // Empty braces are a part of the key.
    if (close > open + 1 && close < to) {
      first = open + 1
      end = close
    }
  }
  let crc = 0
  for (let at = first; at < end; at++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ buffer[at]]
  return crc & (SLOTS - 1)
}
