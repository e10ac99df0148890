// The field lines of the first field block among the frames that a peer got, by name.

import { type Field, FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/index.js'
import { framesOf } from '../../tools/testbed/frames.js'

const HEADERS = 1
const PREFACE_START = 'PRI '

/** Decodes it with empty tables: it must be the first that its connection has sent. */
export function decoded(bytes: Buffer): Record<string, string> {
  const frames = framesOf(bytes.toString('latin1', 0, 4) === PREFACE_START ? bytes.subarray(24) : bytes)
  const block = frames.find(({ type }) => type === HEADERS)?.payload
  if (block === undefined) throw new Error('no HEADERS frame')
  const fields: Field[] = []
  new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 }).decode(
    block,
    0,
    block.length,
    fields,
    65_536,
    200,
  )
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]))
}
