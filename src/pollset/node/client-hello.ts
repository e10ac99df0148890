// A sans-IO reader of the server name in a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), before the
// handshake begins. A context from Node's SNICallback can present only one certificate, a server's own
// context several. So the server is chosen first, by this name. A malformed ClientHello gives no name; TLS
// then rejects it.

const HANDSHAKE_RECORD = 22
const CLIENT_HELLO = 1
const RECORD_HEADER_BYTES = 5
const MESSAGE_HEADER_BYTES = 4
const RECORD_BYTES_MAX = 16_384
/** OpenSSL accepts no longer ClientHello. */
const HELLO_BYTES_MAX = 16_384
/** legacy_version and random */
const FIXED_BYTES = 34
const SERVER_NAME = 0
const HOST_NAME = 0

export class ClientHelloReader {
  /** True when nothing more needs to be read. */
  done = false
  /** The server name; '' without one. */
  serverName = ''
  private readonly header = Buffer.alloc(RECORD_HEADER_BYTES)
  private headerRead = 0
  /** The bytes of this record that have not arrived. */
  private left = 0
  /** The handshake message received so far, without record headers. */
  private message = Buffer.alloc(512)
  private size = 0

  feed(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.done; ) {
      if (this.left > 0) {
        const end = Math.min(at + this.left, chunk.length)
        this.left -= end - at
        this.gather(chunk, at, end)
        at = end
        continue
      }
      this.header[this.headerRead++] = chunk[at++]
      if (this.headerRead === RECORD_HEADER_BYTES) this.record()
    }
  }

  private record(): void {
    this.headerRead = 0
    this.left = this.header.readUInt16BE(3)
    this.done = this.header[0] !== HANDSHAKE_RECORD || this.left === 0 || this.left > RECORD_BYTES_MAX
  }

  private gather(chunk: Buffer, start: number, end: number): void {
    const size = this.size + end - start
    if (size > this.message.length) {
      const wider = Buffer.alloc(Math.max(size, 2 * this.message.length))
      this.message.copy(wider, 0, 0, this.size)
      this.message = wider
    }
    chunk.copy(this.message, this.size, start, end)
    this.size = size
    if (size < MESSAGE_HEADER_BYTES) return
    const length = this.message.readUIntBE(1, 3)
    if (this.message[0] !== CLIENT_HELLO || length > HELLO_BYTES_MAX) this.done = true
    else if (size >= MESSAGE_HEADER_BYTES + length) {
      this.done = true
      this.serverName = nameIn(this.message.subarray(MESSAGE_HEADER_BYTES, MESSAGE_HEADER_BYTES + length))
    }
  }
}

/** Returns the vector at `at`, after its length in `width` bytes; null if it does not fit. */
function vectorAt(b: Buffer, at: number, width: number): Buffer | null {
  if (at + width > b.length) return null
  const end = at + width + b.readUIntBE(at, width)
  return end > b.length ? null : b.subarray(at + width, end)
}

function nameIn(hello: Buffer): string {
  let at = FIXED_BYTES
  // legacy_session_id, cipher_suites, legacy_compression_methods
  for (const width of [1, 2, 1]) {
    const vector = vectorAt(hello, at, width)
    if (vector === null) return ''
    at += width + vector.length
  }
  const extensions = vectorAt(hello, at, 2)
  if (extensions === null) return ''
  for (let from = 0; from + 2 <= extensions.length; ) {
    const extension = vectorAt(extensions, from + 2, 2)
    if (extension === null) return ''
    if (extensions.readUInt16BE(from) === SERVER_NAME) return hostNameIn(extension)
    from += 4 + extension.length
  }
  return ''
}

function hostNameIn(extension: Buffer): string {
  const list = vectorAt(extension, 0, 2)
  if (list === null || list[0] !== HOST_NAME) return ''
  return vectorAt(list, 1, 2)?.toString('latin1') ?? ''
}
