// What is told of the frames of a connection as they are read (frame-reader.ts).

/** Told what was read. Each call may stop the reader by `stop` of the reader. */
export interface FrameSink {
  /** A DATA frame begins; `size` counts padding too (§6.1). Its bytes follow, then `dataEnd`. */
  data(streamId: number, size: number, endStream: boolean): void
  dataBytes(streamId: number, buffer: Buffer, start: number, end: number): void
  dataEnd(streamId: number, endStream: boolean): void
  /** A complete header block. */
  headers(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): void
  /** A piece of a header block that is past its bounds, and not kept: the pieces make up the whole block. */
  headersPiece(block: Buffer, start: number, end: number): void
  /** Such a block has ended. */
  headersTooLarge(streamId: number, endStream: boolean): void
  priority(streamId: number): void
  rstStream(streamId: number, code: number): void
  /** One a parameter, then {@link settingsEnd}. */
  setting(id: number, value: number): void
  settingsEnd(): void
  settingsAck(): void
  pushPromise(streamId: number): void
  ping(payload: Buffer, start: number, ack: boolean): void
  goaway(lastStreamId: number, code: number, debug: string): void
  windowUpdate(streamId: number, increment: number): void
  /** An error of the whole connection; the reader has stopped. */
  connectionError(code: number, message: string): void
  /** An error of one stream only. */
  streamError(streamId: number, code: number, message: string): void
  /** Called for each frame that carries nothing (§10.5): empty DATA without END_STREAM, and the like. */
  emptyFrame(): void
}
