// Fuzzes the codecs without a connection, for a moment each: the frame reader, HPACK, messages.

import { short } from '../../world/short-fuzz.js'

short({
  reader: 150,
  message: 500,
  huffman: 200,
  'hpack-encoder': 100,
  'hpack-decoder': 100,
  'hpack-octets': 300,
})
