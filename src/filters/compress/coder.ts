// Coders of content codings, by Node's zlib: a small body is coded whole, in the turn; others piece by
// piece, in tasks.

import zlib from 'node:zlib'
import type { TaskWork } from '../../pollset/index.js'

export type Coding = 'br' | 'gzip' | 'zstd'

/** The kind of a part: further parts follow; all bytes so far must leave; or it is the last part. */
export type Part = 'more' | 'flush' | 'end'

/** Codes one body, one part at a time. */
export interface Coder {
  /** The memory that it takes, in bytes. */
  readonly bytes: number
  /** The most bytes that coding one part of 16 KiB returns: its own, and those that were kept back. */
  readonly burstBytes: number
  /**
   * Returns the work that codes a part, and returns the bytes that may leave. The part must not
   * change until then.
   */
  code(part: Buffer, as: Part): TaskWork<readonly Buffer[]>
  /** Ends it. A part that is being coded then returns nothing. */
  close(): void
}

/** Makes coders, and codes whole bodies. */
export interface Coders {
  /** The available codings, the best first. */
  readonly codings: readonly Coding[]
  /** Returns the needs of a coder. */
  facts(coding: Coding, level: number): Pick<Coder, 'bytes' | 'burstBytes'>
  coder(coding: Coding, level: number, flushesAll: boolean): Coder
  whole(coding: Coding, level: number, body: Buffer): Buffer
}

const KIB = 1_024
const { constants } = zlib

/** The options of zstd, which is newer than the types that we compile with. */
interface ZstdOptions {
  readonly params: Readonly<Record<number, number>>
  readonly flush?: number
}
interface Zstd {
  readonly createZstdCompress?: (options: ZstdOptions) => zlib.BrotliCompress
  readonly zstdCompressSync?: (body: Buffer, options: ZstdOptions) => Buffer
  readonly constants: Readonly<Record<string, number>>
}
const zstd = zlib as unknown as Zstd

/** The window, 256 KiB: a coder finds repetitions within it, and takes at least this much memory. */
const WINDOW_BITS = 18

const brotli = (level: number, flush: number): zlib.BrotliOptions => ({
  flush,
  params: {
    [constants.BROTLI_PARAM_QUALITY]: level,
    [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
  },
})

const zstdOptions = (level: number): ZstdOptions => ({
  params: {
    [zstd.constants.ZSTD_c_compressionLevel]: level,
    [zstd.constants.ZSTD_c_windowLog]: WINDOW_BITS,
  },
})

interface CodingFacts {
  /** The memory, measured with 200 coders at once on Node 20. */
  readonly bytes: (level: number) => number
  readonly burstBytes: number
  readonly flush: number
  stream(level: number, flushesAll: boolean): zlib.Gzip | zlib.BrotliCompress
  whole(level: number, body: Buffer): Buffer
}

const CODINGS: Readonly<Record<Coding, CodingFacts>> = {
  gzip: {
    bytes: () => 272 * KIB,
    burstBytes: 64 * KIB,
    flush: constants.Z_SYNC_FLUSH,
    stream: (level, flushesAll) =>
      zlib.createGzip({ level, flush: flushesAll ? constants.Z_SYNC_FLUSH : constants.Z_NO_FLUSH }),
    whole: (level, body) => zlib.gzipSync(body, { level }),
  },
  br: {
    bytes: (level) => (level <= 4 ? 1_024 : 1_536) * KIB,
    burstBytes: 288 * KIB,
    flush: constants.BROTLI_OPERATION_FLUSH,
    stream: (level, flushesAll) =>
      zlib.createBrotliCompress(
        brotli(level, flushesAll ? constants.BROTLI_OPERATION_FLUSH : constants.BROTLI_OPERATION_PROCESS),
      ),
    whole: (level, body) => zlib.brotliCompressSync(body, brotli(level, constants.BROTLI_OPERATION_PROCESS)),
  },
  zstd: {
    bytes: () => 2_048 * KIB,
    burstBytes: 288 * KIB,
    flush: zstd.constants.ZSTD_e_flush ?? 0,
    stream: (level, flushesAll) =>
      (zstd.createZstdCompress as NonNullable<Zstd['createZstdCompress']>)({
        ...zstdOptions(level),
        ...(flushesAll ? { flush: zstd.constants.ZSTD_e_flush } : {}),
      }),
    whole: (level, body) =>
      (zstd.zstdCompressSync as NonNullable<Zstd['zstdCompressSync']>)(body, zstdOptions(level)),
  },
}

/** A coder on one of zlib's streams, which works in the threads of Node's pool. */
class ZlibCoder implements Coder {
  readonly bytes: number
  readonly burstBytes: number
  private readonly stream: zlib.Gzip | zlib.BrotliCompress
  private readonly flush: number
  private readonly flushesAll: boolean
  private coded: Buffer[] = []
  /** Fails the part that is being coded; null while none is. */
  private failed: ((error: Error) => void) | null = null
  private isClosed = false

  constructor(facts: CodingFacts, level: number, flushesAll: boolean) {
    this.bytes = facts.bytes(level)
    this.burstBytes = facts.burstBytes
    this.flush = facts.flush
    this.flushesAll = flushesAll
    this.stream = facts.stream(level, flushesAll)
    this.stream.on('data', (bytes: Buffer) => this.coded.push(bytes))
    this.stream.on('error', (error) => this.failed?.(error))
  }

  code(part: Buffer, as: Part): TaskWork<readonly Buffer[]> {
    return (settle) => {
      const { stream } = this
      const done = (): void => {
        const { coded } = this
        this.coded = []
        this.failed = null
        if (this.isClosed) stream.destroy()
        settle(null, coded)
      }
      this.failed = (error) => {
        this.failed = null
        settle(error, null)
      }
      if (as === 'end') {
        stream.once('end', done)
        stream.end(part)
      } else if (as === 'more' || this.flushesAll) stream.write(part, done)
      else {
        stream.write(part)
        stream.flush(this.flush, done)
      }
    }
  }

  /** Ends the coder. A thread cannot be stopped: the stream ends when the thread is done with its part. */
  close(): void {
    this.isClosed = true
    if (this.failed === null) this.stream.destroy()
  }
}

/** The coders of this Node. */
export const zlibCoders: Coders = {
  codings: zstd.createZstdCompress === undefined ? ['br', 'gzip'] : ['br', 'zstd', 'gzip'],
  facts: (coding, level) => ({ bytes: CODINGS[coding].bytes(level), burstBytes: CODINGS[coding].burstBytes }),
  coder: (coding, level, flushesAll) => new ZlibCoder(CODINGS[coding], level, flushesAll),
  whole: (coding, level, body) => CODINGS[coding].whole(level, body),
}
