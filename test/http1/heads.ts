// Heads made of text, for what is written.

import { FieldTable, Head, Token } from '../../src/http/index.js'

/** A head of these pseudo-fields and fields, as HTTP/2's reader would make it. */
export function headOf(items: readonly [string, string][]): Head {
  const table = new FieldTable()
  const fields = items.map(([name, value]) => table.make(name, value))
  return fields[0].token === Token.STATUS ? Head.response(fields) : Head.request(fields)
}
