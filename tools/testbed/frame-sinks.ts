// One sink for all frames of a reader.

import type { DataSink, FieldBlockSink, FrameSink, FrameSinks, SettingsSink } from '../../src/http2/index.js'

/** Takes all frames. */
export type EveryFrame = FrameSink & DataSink & FieldBlockSink & SettingsSink

export const toOne = (sink: EveryFrame): FrameSinks => ({
  frames: sink,
  data: sink,
  blocks: sink,
  settings: sink,
})
