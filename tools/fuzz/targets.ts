// All fuzz targets by name.

import { backend, frontend } from './connection.js'
import { hpackDecoder, hpackEncoder } from './hpack.js'
import { hpackOctets } from './hpack-octets.js'
import { http1Backend, http1Frontend } from './http1-connection.js'
import { http1Request, http1Response } from './http1-reader.js'
import { huffman } from './huffman.js'
import { message } from './message.js'
import { mixed } from './mixed.js'
import { proxyHeaders } from './proxy-header.js'
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
  'http1-request': http1Request,
  'http1-response': http1Response,
  'http1-frontend': http1Frontend,
  'http1-backend': http1Backend,
  mixed,
  'proxy-header': proxyHeaders,
}
