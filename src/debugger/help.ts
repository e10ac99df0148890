// The help of the commands, in lines of 80 columns.

import type { Vocabulary } from './conditions.js'
import type { Moment } from './target.js'

/** The help of one command. */
export interface Helped {
  readonly usage: string
  readonly help: string
  /** The further text of `help COMMAND`. */
  readonly more?: string
}

const COLUMNS = 80
/** The offset of the second column. */
const SECOND = 26

const WITHOUT_ID =
  'A command without ID means the current request: the held one that was named last, or that stopped first. When it goes on, the one that stopped last is the current one. `list` marks it.'

const SEE = '`help COMMAND` says more of one, and `help conditions` lists the names that CONDITION may use.'

/** Returns the words in lines of this width. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Returns two columns. A first one that is too long gets a line of its own. */
function columns(first: string, second: string): string[] {
  const lines = wrapped(second, COLUMNS - SECOND).map((line) => `${' '.repeat(SECOND)}${line}`)
  if (first.length > SECOND - 2) return [first, ...lines]
  return [`${first.padEnd(SECOND)}${lines[0].slice(SECOND)}`, ...lines.slice(1)]
}

/** Returns the list of all commands. */
export function helpOfAll(commands: Iterable<Helped>, short: string): string {
  const lines = [...commands].flatMap(({ usage, help }) => columns(usage, help))
  return [...lines, '', ...[WITHOUT_ID, short, SEE].flatMap((text) => wrapped(text, COLUMNS))].join('\n')
}

export const helpOfOne = ({ usage, help, more }: Helped): string =>
  [
    usage,
    ...[help, ...(more === undefined ? [] : [more])]
      .flatMap((text) => wrapped(text, COLUMNS - 2))
      .map((line) => `  ${line}`),
  ].join('\n')

/** Returns the names for conditions, `print` and log points. */
export function helpOfConditions(vocabulary: Vocabulary<Moment>): string {
  const names = Object.entries(vocabulary).flatMap(([name, { type, about }]) =>
    columns(name, `${about} (${type})`),
  )
  const text =
    "CONDITION is CEL, such as request.path.startsWith('/api') && age > 1000.0. A field is request.headers['x-a'], and glob(request.path, '/api/*') compares with a pattern. `print` and log points know the same names:"
  return [...wrapped(text, COLUMNS), ...names].join('\n')
}
