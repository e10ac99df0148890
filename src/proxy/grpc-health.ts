// The messages of gRPC's health service (grpc.health.v1), as bytes of a request and a response body:
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md. A gRPC message has a prefix: a byte that
// says whether it is compressed, and four bytes of its length.

export const CHECK_PATH = '/grpc.health.v1.Health/Check'

const PREFIX_BYTES = 5

// Protobuf: tags are field number × 8 + wire type.
const SERVICE_TAG = 0x0a
const STATUS_FIELD = 1
const VARINT = 0
const EIGHT_BYTES = 1
const LENGTH = 2
const FOUR_BYTES = 5

/** ServingStatus, by number. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Returns the body of a Check request. `service`: '' asks for the server as a whole. */
export function checkRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8')
  // A field with its default value is left out.
  const message =
    name.length === 0
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.from([SERVICE_TAG]), varint(name.length), name])
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Returns the serving status of a Check response, such as `SERVING`; null if the body is not one. */
export function servingStatus(body: Buffer): string | null {
  if (body.length < PREFIX_BYTES || body[0] !== 0) return null
  if (body.readUInt32BE(1) !== body.length - PREFIX_BYTES) return null
  const reader = new MessageReader(body, PREFIX_BYTES)
  let status = 0
  while (!reader.ended) {
    const tag = reader.varint()
    if (tag === null) return null
    const isStatus = Math.floor(tag / 8) === STATUS_FIELD && tag % 8 === VARINT
    const value = isStatus ? reader.varint() : null
    if (isStatus ? value === null : !reader.skip(tag % 8)) return null
    status = value ?? status
  }
  return STATUSES[status] ?? `status ${status}`
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80)
  bytes.push(left)
  return Buffer.from(bytes)
}

class MessageReader {
  private readonly bytes: Buffer
  private at: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  get ended(): boolean {
    return this.at >= this.bytes.length
  }

  /** Returns null if the message ends in it, or if it has more than ten bytes. */
  varint(): number | null {
    let value = 0
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes.at(this.at++)
      if (byte === undefined) return null
      value += (byte & 0x7f) * 128 ** i
      if (byte < 0x80) return value
    }
    return null
  }

  /** Skips a field of this wire type. Returns false if it does not fit, or the type is unknown. */
  skip(type: number): boolean {
    if (type === VARINT) return this.varint() !== null
    if (type === EIGHT_BYTES) this.at += 8
    else if (type === FOUR_BYTES) this.at += 4
    else if (type === LENGTH) {
      const length = this.varint()
      if (length === null) return false
      this.at += length
    } else return false
    return this.at <= this.bytes.length
  }
}
