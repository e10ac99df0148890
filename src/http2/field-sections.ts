// Decodes field blocks to the field sections of streams. A block past its bounds is reported as too large. A
// block that does not decode ends the connection, since the dynamic tables differ then (RFC 9113 §4.3).

import type { Field } from '../http/index.js'
import { ErrorCode } from './codes.js'
import type { Http2Context } from './context.js'
import type { FieldBlockSink } from './frame-sink.js'
import { HpackDecoder } from './hpack/decoder.js'
import type { Liveness } from './liveness.js'

/** The connection of these sections. */
export interface FieldSectionsHost {
  /**
   * Takes a field section. If it is larger than allowed, `size` is larger too, and some fields are missing.
   */
  fieldSection(id: number, fields: Field[], size: number, endStream: boolean): void
  connectionError(code: number, message: string): void
}

export class FieldSections implements FieldBlockSink {
  private readonly decoder: HpackDecoder
  private readonly connection: FieldSectionsHost
  private readonly liveness: Liveness
  private readonly listBytesMax: number
  private readonly fieldsMax: number
  private readonly tableBytesMax: number

  constructor({ world, limits }: Http2Context, connection: FieldSectionsHost, liveness: Liveness) {
    this.decoder = new HpackDecoder(world.fields, { tableSizeMax: limits.headerTableBytesMax })
    this.connection = connection
    this.liveness = liveness
    this.listBytesMax = limits.headerListBytesMax
    this.fieldsMax = limits.fieldsMax
    this.tableBytesMax = limits.headerTableBytesMax
  }

  /** The peer has acknowledged the size of our table. */
  settingsAck(): void {
    this.decoder.setTableSizeMax(this.tableBytesMax)
  }

  headers(id: number, block: Buffer, start: number, end: number, endStream: boolean): void {
    this.liveness.message()
    const fields: Field[] = []
    const size = this.decoder.decode(block, start, end, fields, this.listBytesMax, this.fieldsMax)
    if (size >= 0) this.connection.fieldSection(id, fields, size, endStream)
    else this.malformed()
  }

  headersPiece(block: Buffer, start: number, end: number): void {
    if (!this.decoder.skip(block, start, end)) this.malformed()
  }

  headersTooLarge(id: number, endStream: boolean): void {
    if (this.decoder.skipEnd()) this.connection.fieldSection(id, [], Number.POSITIVE_INFINITY, endStream)
    else this.malformed()
  }

  private malformed(): void {
    const message = 'a field block that does not decode (RFC 9113 §4.3)'
    this.connection.connectionError(ErrorCode.COMPRESSION_ERROR, message)
  }
}
