// Heads made of text, for what is written.

import { type Field, FieldTable, Head, Token } from '../../src/http/index.js'

/** A head of these pseudo-fields and fields, as HTTP/2's reader would make it. */
export function headOf(items: readonly [string, string][]): Head {
  const table = new FieldTable()
  const fields = items.map(([name, value]) => table.make(name, value))
  const pseudos = fields.filter((each) => each.name.startsWith(':')).length
  const find = (token: number): Field | null => fields.find((each) => each.token === token) ?? null
  const size = fields.reduce((sum, each) => sum + each.size, 0)
  const length = find(Token.CONTENT_LENGTH)
  return new Head(
    fields,
    pseudos,
    size,
    Number(find(Token.STATUS)?.value ?? 0),
    find(Token.METHOD),
    find(Token.SCHEME),
    find(Token.AUTHORITY),
    find(Token.PATH),
    find(Token.PROTOCOL),
    length === null ? -1 : Number(length.value),
  )
}
