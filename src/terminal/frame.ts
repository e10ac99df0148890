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
  /** The last line, in place of the keys. */
  readonly message: string
  /** True: titles are bold, and held requests yellow. */
  readonly colors?: boolean
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

/** The most and the fewest rows of engines, and of clients, that are shown above the requests. */
const SECTION_ROWS_MAX = 5
const SECTION_ROWS_MIN = 2
/** The lines of a picture for each of these rows: the requests get most of the room. */
const LINES_A_SECTION_ROW = 10
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

const KEYS = '? help  q quit  s sort  r reverse  / filter  ↑↓ scroll'

const HELP = [
  'fermata top',
  '',
  '  q, Esc, Ctrl-C   quit',
  '  s                sort by the next of age, held, path, step, id',
  '  r                reverse the order',
  '  /                show the requests that a condition in CEL matches, as in',
  "                   request.path.startsWith('/api') && age > 1000.0",
  '                   Enter applies it, Esc keeps the one before, no text shows all',
  '  ↑ ↓ PgUp PgDn    scroll; Home, End: to the first and to the last',
  '  ?                this page',
  '',
  'LATE IN is the time until the wait of a request ends late.',
  "'fermata why ID' says what keeps a request from going on; 'fermata debug' holds,",
  'changes and releases it.',
]

/** Returns the lines of the page of keys. */
export function helpFrame({ width, height }: Pick<TopView, 'width' | 'height'>): string[] {
  const lines = HELP.slice(0, Math.max(0, height - 1))
  while (lines.length < height - 1) lines.push('')
  lines.push('any key returns')
  return lines.map((line) => fitted(line, width))
}

const BOLD = ['\x1b[1m', '\x1b[22m'] as const
const YELLOW = ['\x1b[33m', '\x1b[39m'] as const

/** A line and its style. */
type Line = readonly [text: string, style?: readonly [on: string, off: string]]

/** Returns the lines of the picture: `height` of them, none wider than `width`. */
export function topFrame(overview: Overview, rows: readonly Row[], matched: number, view: TopView): string[] {
  const { width, height, colors } = view
  const { inFlight, held, clients, clientsTotal, engines, enginesTotal, uptimeMs } = overview
  const most = Math.floor(height / LINES_A_SECTION_ROW)
  const shown = Math.max(SECTION_ROWS_MIN, Math.min(SECTION_ROWS_MAX, most))
  const busiest = [...(engines as unknown as EngineRow[])].sort((a, b) => loadOf(b) - loadOf(a))
  const largest = [...(clients as unknown as ClientRow[])].sort((a, b) => b.streams - a.streams)
  const lines: Line[] = [
    [
      `fermata  up ${duration(uptimeMs)}  ${inFlight} in flight  ${held} held  ${clientsTotal} clients  ${enginesTotal} engines`,
      BOLD,
    ],
    ...section(engineColumns, busiest.slice(0, shown), enginesTotal, width),
    ...section(clientColumns, largest.slice(0, shown), clientsTotal, width),
    [''],
  ]
  const last = Math.max(0, height - 1)
  const offset = offsetIn(rows, view.offset)
  const page = rows.slice(offset, offset + Math.max(0, last - lines.length - 1))
  const [titles, ...texts] = tableLines(psColumns, page, width)
  lines.push([titles, BOLD])
  for (const [at, text] of texts.entries()) lines.push(page[at].state === 'held' ? [text, YELLOW] : [text])
  while (lines.length < last) lines.push([''])
  lines.length = last
  lines.push([view.message !== '' ? view.message : `${whereOf(view, offset, page.length, matched)}  ${KEYS}`])
  return lines.map(([text, style]) => {
    const line = fitted(printable(text), width)
    return style === undefined || colors !== true ? line : style[0] + line + style[1]
  })
}

/** Returns the first row that is shown. There always is one if there are any rows. */
const offsetIn = (rows: readonly Row[], offset: number): number =>
  Math.max(0, Math.min(offset, rows.length - 1))

function whereOf({ sort, filter }: TopView, offset: number, shown: number, matched: number): string {
  const from = shown === 0 ? 0 : offset + 1
  const condition = filter === '' ? '' : ` where ${filter}`
  return `${from}–${shown === 0 ? 0 : offset + shown} of ${matched} by ${sort}${condition}`
}

const loadOf = ({ queued, sessions }: EngineRow): number =>
  queued + sessions.reduce((all, { leased }) => all + leased, 0)

function section<R>(columns: readonly Column<R>[], rows: readonly R[], total: number, width: number): Line[] {
  const [titles, ...texts] = tableLines(columns, rows, width)
  const lines: Line[] = [[''], [titles, BOLD], ...texts.map((text): Line => [text])]
  if (total > rows.length) lines.push([`… and ${total - rows.length} more`])
  return lines
}
