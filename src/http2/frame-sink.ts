// The sinks of a frame reader (frame-reader.ts): for DATA, field blocks, SETTINGS and all other frames. Each
// call may stop the reader.

export interface DataSink {
  /** Begins a DATA frame; `size` includes padding (§6.1). Its bytes follow, then {@link dataEnd}. */
  data(streamId: number, size: number, endStream: boolean): void
  dataBytes(streamId: number, buffer: Buffer, start: number, end: number): void
  dataEnd(streamId: number, endStream: boolean): void
}

export interface FieldBlockSink {
  /** Takes a whole field block. */
  headers(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): void
  /** Takes a piece of a field block that is past its bounds. The pieces make up the whole block. */
  headersPiece(block: Buffer, start: number, end: number): void
  /** A field block past its bounds has ended. */
  headersTooLarge(streamId: number, endStream: boolean): void
}

export interface SettingsSink {
  /** Takes a parameter. {@link settingsEnd} follows the last. */
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
  /** Counts an idle frame (frame-budget.ts), such as empty DATA without END_STREAM. */
  idleFrame(): void
}

/** The sinks of a reader. */
export interface FrameSinks {
  readonly frames: FrameSink
  readonly data: DataSink
  readonly blocks: FieldBlockSink
  readonly settings: SettingsSink
}
