// What has no connection around it, for a moment each: frames read, HPACK, messages.

import { short } from './short.js'

short({
  reader: 300,
  message: 1000,
  huffman: 500,
  'hpack-encoder': 200,
  'hpack-decoder': 200,
  'hpack-octets': 500,
})
