// `fermata ps`: the requests in flight, as a table or as JSON.

import type { DapObject, Row } from '../debugger/index.js'
import { asking } from './asker.js'
import type { TerminalOptions } from './connecting.js'
import { sizeOf } from './screen.js'
import { byteCount, type Column, duration, jsonText, tableLines } from './table.js'

export interface PsOptions extends TerminalOptions {
  readonly filter?: string
  readonly sort?: string
  readonly limit?: number
  readonly json?: boolean
}

/** The width of a table that does not go to a terminal. */
const WIDTH_OF_FILES = 200

export const psColumns: readonly Column<Row>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'METHOD', value: ({ method }) => method },
  { title: 'PATH', value: ({ path }) => path, elastic: true },
  { title: 'HOST', value: ({ host }) => host, elastic: true, wide: true },
  { title: 'STEP', value: ({ step }) => step.replace(/^exchange\./, '') },
  { title: 'STATE', value: ({ state }) => state, wide: true },
  { title: 'SINCE', value: ({ sinceMs }) => duration(sinceMs), right: true },
  { title: 'LATE IN', value: ({ lateInMs }) => (lateInMs === null ? '-' : duration(lateInMs)), right: true },
  { title: 'WAITS FOR', value: ({ waits }) => waits || '-', elastic: true },
  { title: 'HELD', value: ({ heldBytes }) => byteCount(heldBytes), right: true, wide: true },
  { title: 'CLIENT', value: ({ client }) => client, wide: true },
  { title: 'BACKEND', value: ({ backend, engine }) => backend ?? engine ?? '-', wide: true },
]

const widthOf = (output: NodeJS.WriteStream): number => (output.isTTY ? sizeOf(output).width : WIDTH_OF_FILES)

export function ps(address: string, options: PsOptions): Promise<void> {
  const { filter = '', sort = 'age', limit } = options
  return asking(address, options, async (asker) => {
    const answer = await asker.list({ filter, sort, descending: false, limit, overview: false })
    process.stdout.write(
      `${options.json === true ? jsonText(answer) : listText(answer, widthOf(process.stdout))}\n`,
    )
  })
}

/** Returns a list as text: the table, and the number of requests. */
function listText({ rows, total, matched }: DapObject, width: number): string {
  const shown = rows as Row[]
  const lines = shown.length === 0 ? [] : tableLines(psColumns, shown, width)
  const filtered = matched === total ? '' : `${String(matched)} match, `
  const cut = shown.length === matched ? '' : `${shown.length} are shown, `
  return [...lines, `${cut}${filtered}${String(total)} in flight`].join('\n')
}
