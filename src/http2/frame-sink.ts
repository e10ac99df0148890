// What is told of the frames of a connection as they are read (frame-reader.ts): DATA, header blocks,
// SETTINGS and all others may each have a sink of their own. Each call may stop the reader by its `stop`.

export interface DataSink {
  /** A DATA frame begins; `size` counts padding too (§6.1). Its bytes follow, then {@link dataEnd}. */
  data(streamId: number, size: number, endStream: boolean): void
  dataBytes(streamId: number, buffer: Buffer, start: number, end: number): void
  dataEnd(streamId: number, endStream: boolean): void
}

export interface FieldBlockSink {
  /** A complete header block. */
  headers(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): void
  /** A piece of a header block that is past its bounds, and not kept: the pieces make up the whole block. */
  headersPiece(block: Buffer, start: number, end: number): void
  /** Such a block has ended. */
  headersTooLarge(streamId: number, endStream: boolean): void
}

export interface SettingsSink {
  /** One a parameter, then {@link settingsEnd}. */
  setting(id: number, value: number): void
  settingsEnd(): void
  settingsAck(): void
}

export interface FrameSink {
  priority(streamId: number): void
  rstStream(streamId: number, code: number): void
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

/** The sinks of a reader. */
export interface FrameSinks {
  readonly frames: FrameSink
  readonly data: DataSink
  readonly blocks: FieldBlockSink
  readonly settings: SettingsSink
}
