// All fuzz targets by name.

import { backend, frontend } from './connection.js'
import { hpackDecoder, hpackEncoder } from './hpack.js'
import { hpackOctets } from './hpack-octets.js'
import { huffman } from './huffman.js'
import { message } from './message.js'
import { reader } from './reader.js'
import type { Target } from './target.js'

/** Whatever its values are: only the target itself looks at them. */
// biome-ignore lint/suspicious/noExplicitAny: targets of different values in one table
export type AnyTarget = Target<any>

export const targets: Readonly<Record<string, AnyTarget>> = {
  reader,
  frontend,
  backend,
  message,
  huffman,
  'hpack-encoder': hpackEncoder,
  'hpack-decoder': hpackDecoder,
  'hpack-octets': hpackOctets,
}
