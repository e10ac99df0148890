// A coder whose work is done at once, as no turn of a run could wait for the threads of zlib. Each part is a
// member of its own (RFC 1952 §2.2), so gunzip reads them all.

import { gzipSync } from 'node:zlib'
import { type Coder, type Coders, type Part, zlibCoders } from '../../../src/filters/compress/coder.js'
import type { TaskWork } from '../../../src/pollset/index.js'

const KIB = 1_024
const FACTS = { bytes: 16 * KIB, burstBytes: 32 * KIB }

class Members implements Coder {
  readonly bytes = FACTS.bytes
  readonly burstBytes = FACTS.burstBytes
  private kept: Buffer[] = []

  code(part: Buffer, as: Part): TaskWork<readonly Buffer[]> {
    return (settle) => {
      this.kept.push(Buffer.from(part))
      if (as === 'more') return settle(null, [])
      const whole = Buffer.concat(this.kept)
      this.kept = []
      settle(null, whole.length === 0 && as === 'flush' ? [] : [gzipSync(whole)])
    }
  }

  close(): void {}
}

export const codersAtOnce: Coders = {
  codings: ['gzip'],
  facts: () => FACTS,
  coder: () => new Members(),
  whole: zlibCoders.whole,
}
