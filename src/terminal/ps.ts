// `fermata ps`: the requests in flight, as a table or as JSON.

import type { Row } from '../debugger/index.js'
import { Client, type TerminalOptions } from './client.js'
import { byteCount, type Column, duration, tableLines } from './table.js'

export interface PsOptions extends TerminalOptions {
  readonly filter?: string
  readonly sort?: string
  readonly limit?: number
  readonly json?: boolean
}

/** The width of a table that goes to no terminal. */
const WIDTH_OF_FILES = 200

export const psColumns: readonly Column<Row>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'METHOD', value: ({ method }) => method },
  { title: 'PATH', value: ({ path }) => path, elastic: true },
  { title: 'HOST', value: ({ host }) => host, elastic: true },
  { title: 'STEP', value: ({ step }) => step.replace(/^exchange\./, '') },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'SINCE', value: ({ sinceMs }) => duration(sinceMs), right: true },
  { title: 'LATE IN', value: ({ lateInMs }) => (lateInMs === null ? '-' : duration(lateInMs)), right: true },
  { title: 'WAITS FOR', value: ({ waits }) => waits || '-', elastic: true },
  { title: 'HELD', value: ({ heldBytes }) => byteCount(heldBytes), right: true },
  { title: 'CLIENT', value: ({ client }) => client },
  { title: 'BACKEND', value: ({ backend, engine }) => backend ?? engine ?? '-' },
]

export const widthOf = (output: NodeJS.WriteStream): number =>
  output.isTTY ? output.columns : WIDTH_OF_FILES

export async function ps(address: string, { filter = '', sort = 'age', limit, json, ...options }: PsOptions) {
  const client = await Client.attach(address, options)
  const answer = await client.request('fermata/list', {
    filter,
    sort,
    ...(limit === undefined ? {} : { limit }),
  })
  client.end()
  if (json === true) {
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    return
  }
  const rows = answer.rows as Row[]
  const { total, matched } = answer
  if (rows.length > 0)
    process.stdout.write(`${tableLines(psColumns, rows, widthOf(process.stdout)).join('\n')}\n`)
  const of = matched === total ? `${total}` : `${matched} of ${total}`
  process.stdout.write(`${rows.length === matched ? of : `${rows.length} of ${of}`} requests in flight\n`)
}
