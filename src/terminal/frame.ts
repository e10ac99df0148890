// The picture that `fermata top` shows, as lines of text: a function of data.

import type { Overview, Row } from '../debugger/index.js'
import { psColumns } from './ps.js'
import { byteCount, type Column, duration, fitted, printable, tableLines } from './table.js'

export interface TopView {
  readonly width: number
  readonly height: number
  readonly sort: string
  readonly filter: string
  /** The first row of requests that is shown. */
  readonly offset: number
  /** What the last line says, in place of the keys. */
  readonly message: string
}

interface Session {
  readonly id: string
  readonly state: string
  readonly leased: number
  readonly capacity: number
}

interface EngineRow {
  readonly id: string
  readonly name: string
  readonly queued: number
  readonly opening: number
  readonly sessions: readonly Session[]
}

/** Rows of engines, and of clients, that are shown above the requests. */
const TOP_ROWS = 5
const SESSIONS_SHOWN = 6

const sessionText = ({ id, state, leased, capacity }: Session): string =>
  `${id}[${leased}/${capacity}${state === 'open' ? '' : ` ${state}`}]`

const engineColumns: readonly Column<EngineRow>[] = [
  { title: 'ENGINE', value: ({ id }) => id },
  { title: 'BACKEND', value: ({ name }) => name, elastic: true },
  { title: 'QUEUED', value: ({ queued }) => String(queued), right: true },
  { title: 'OPENING', value: ({ opening }) => String(opening), right: true },
  {
    title: 'CONNECTIONS [USED/PLACES]',
    value: ({ sessions }) => {
      const shown = sessions.slice(0, SESSIONS_SHOWN).map(sessionText)
      if (sessions.length > SESSIONS_SHOWN) shown.push(`+${sessions.length - SESSIONS_SHOWN}`)
      return shown.join(' ') || '-'
    },
    elastic: true,
  },
]

interface ClientRow {
  readonly id: string
  readonly address: string
  readonly protocol: string
  readonly streams: number
  readonly heldBytes: number
}

const clientColumns: readonly Column<ClientRow>[] = [
  { title: 'CLIENT', value: ({ id }) => id },
  { title: 'ADDRESS', value: ({ address }) => address, elastic: true },
  { title: 'PROTOCOL', value: ({ protocol }) => protocol.replace(/\.frontend$/, '') },
  { title: 'REQUESTS', value: ({ streams }) => String(streams), right: true },
  { title: 'HELD', value: ({ heldBytes }) => byteCount(heldBytes), right: true },
]

const KEYS = 'q quit  s sort  / filter  ↑↓ PgUp PgDn scroll'

/** Returns the lines of the picture: at most `height`, none wider than `width`. */
export function topFrame(
  overview: Overview,
  rows: readonly Row[],
  matched: number,
  { width, height, sort, filter, offset, message }: TopView,
): string[] {
  const { inFlight, held, clientsTotal, enginesTotal, uptimeMs } = overview
  const lines = [
    `fermata  up ${duration(uptimeMs)}  ${inFlight} in flight  ${held} held  ${clientsTotal} clients  ${enginesTotal} engines`,
  ]
  const engines = [...(overview.engines as unknown as EngineRow[])].sort((a, b) => loadOf(b) - loadOf(a))
  lines.push(...section(engineColumns, engines, enginesTotal, width))
  const clients = [...(overview.clients as unknown as ClientRow[])].sort((a, b) => b.streams - a.streams)
  lines.push(...section(clientColumns, clients, clientsTotal, width))
  lines.push('')
  const room = Math.max(1, height - lines.length - 2)
  const [titles, ...shown] = tableLines(psColumns, rows.slice(offset, offset + room), width)
  lines.push(titles, ...shown)
  while (lines.length < height - 1) lines.push('')
  const last = Math.min(matched, offset + shown.length)
  const where = `${matched === 0 ? 0 : offset + 1}–${last} of ${matched} by ${sort}${filter === '' ? '' : ` where ${filter}`}`
  lines.length = height - 1
  lines.push(message !== '' ? message : `${where}  ${KEYS}`)
  return lines.map((line) => fitted(printable(line), width))
}

const loadOf = ({ queued, sessions }: EngineRow): number =>
  queued + sessions.reduce((all, { leased }) => all + leased, 0)

function section<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  total: number,
  width: number,
): string[] {
  const lines = ['', ...tableLines(columns, rows.slice(0, TOP_ROWS), width)]
  if (total > TOP_ROWS) lines.push(`… and ${total - TOP_ROWS} more`)
  return lines
}
