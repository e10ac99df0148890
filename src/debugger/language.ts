// The commands of a debugger as text. Every act has a command, since the clients of the protocol offer
// different acts. A command returns text, or throws a CommandError, which says what to do.

import { seconds, stepOf } from '../continuation/index.js'
import { placeOf } from './breakpoints.js'
import { CommandError, type Commander, find, living, matching, refuse, rowsOf } from './commander.js'
import { valueText } from './debugger.js'
import { type Helped, helpOfAll, helpOfConditions, helpOfOne } from './help.js'
import type { Row } from './target.js'

interface Command extends Helped {
  run(by: Commander, words: readonly string[], rest: string): string
}

const LIST_ROWS = 50
/** The most characters of a command. A longer one would take long to read. */
const COMMAND_CHARACTERS_MAX = 4096

const lineOf = ({ id, method, host, path, step, state, waits, sinceMs }: Row): string =>
  `${id}  ${method} ${host}${path}  ${step}  ${state === 'running' ? state : `${state} ${seconds(sinceMs)}`}${waits === '' ? '' : `  on ${waits}`}`

function pointOptions(by: Commander, rest: string, log: boolean) {
  const [, head, tail] = /^(filter\s+\S+|\S+(?:\s*(?:→|->)\s*\w+)?)\s*(.*)$/s.exec(rest) ?? []
  if (head === undefined) throw new CommandError('say where: LIFE.STEP, such as exchange.lease')
  const place = placeOf(head, by.debugger.programs())
  if (typeof place === 'string') throw new CommandError(place)
  let options = tail
  let once = false
  let lastPlace = false
  let hits = 1
  for (;;) {
    const flag = /^(once|last-place|hit\s+(\d{1,9}))(?:\s+|$)/.exec(options)
    if (flag === null) break
    if (flag[1] === 'once') once = true
    else if (flag[1] === 'last-place') lastPlace = true
    else hits = Math.max(1, Number(flag[2]))
    options = options.slice(flag[0].length)
  }
  let text: string | null = null
  let condition = ''
  const parts = /^(?:if\s+(.*?))?(?:(?:^|\s+)do\s+(.*))?$/s.exec(options)
  if (log) {
    condition = parts?.[2] === undefined ? '' : (parts[1] ?? '')
    text = parts?.[2] ?? options.trim()
    if (text === '')
      throw new CommandError('say what to write: log LIFE.STEP TEXT, with {request.path} and other names')
  } else if (options !== '') {
    if (!options.startsWith('if '))
      throw new CommandError(`'${options}' is not \`if CONDITION\`, \`once\`, \`hit N\` or \`last-place\``)
    condition = options.slice(3)
  }
  const compiled = by.debugger.condition(condition, by)
  if (typeof compiled === 'string') throw new CommandError(compiled)
  return { place, condition: compiled, hits, once, lastPlace, log: text }
}

function addPoint(by: Commander, rest: string, log: boolean): string {
  const point = by.debugger.addPoint(by, pointOptions(by, rest, log))
  if (typeof point === 'string') throw new CommandError(point)
  return point.describe()
}

const BREAK_TEXT =
  'PLACE is a step, exchange.lease; a transition, exchange.lease→sendHead (or ->); or what happens in a step, exchange.lease:wait, :late or :cancelled. exchange.* is each step. filter NAME is before a filter is called, exchange.filterRequest(NAME) in one phase of it. hit N means from the Nth time on, and with once only then. last-place holds also what has the last free place of its engine.'

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  help: {
    usage: 'help [COMMAND]',
    help: 'lists the commands, or says what one does',
    run: (by, [name]) => {
      if (name === undefined) return helpOfAll(Object.values(commands), SHORT_TEXT)
      if (name === 'conditions') return helpOfConditions(by.debugger.target.vocabulary)
      if (!isCommand(name)) throw new CommandError(`there is no command '${name}': see \`help\``)
      return helpOfOne(commands[SHORT[name] ?? name])
    },
  },
  list: {
    usage: 'list [[if] CONDITION]',
    help: 'lists the requests in flight, the oldest first; with a condition those that match',
    run: (by, _words, rest) => {
      const { rows, matched } = rowsOf(by, rest.replace(/^if(?:\s+|$)/, ''), LIST_ROWS)
      const current = by.current?.id
      const lines = rows.map((row) => `${lineOf(row)}${row.id === current ? '  (current)' : ''}`)
      if (matched > LIST_ROWS) lines.push(`… and ${matched - LIST_ROWS} more: give a condition`)
      return lines.length === 0 ? 'no request is in flight' : lines.join('\n')
    },
  },
  why: {
    usage: 'why [ID]',
    help: 'says what a request waits for, since when, and what keeps it from going on',
    run: (by, [id]) => by.debugger.inquiry.whyOf(find(by, id)).text,
  },
  show: {
    usage: 'show [ID]',
    help: 'shows the values of a request',
    run: (by, [id]) =>
      by.debugger.target
        .scopes(find(by, id), by.secrets)
        .flatMap(({ name, variables }) => [
          name,
          ...variables.map((each) => `  ${each.name} = ${each.value}`),
        ])
        .join('\n'),
  },
  hold: {
    usage: 'hold [ID | if CONDITION]',
    help: 'holds a request, or all that a condition matches; the others go on',
    run: (by, words, rest) => {
      if (words[0] !== 'if') {
        const one = find(by, words[0])
        refuse(by.debugger.hold(one, by))
        by.named(one)
        return `${one.id} is held at ${stepOf(one)}`
      }
      let held = 0
      const { all } = matching(by, rest.slice(2).trim())
      for (const each of all) if (by.debugger.hold(each, by) === null) held++
      return `${held} of ${all.length} are held`
    },
  },
  break: {
    usage: 'break PLACE [once] [hit N] [last-place] [if CONDITION]',
    help: 'sets a breakpoint: what comes there is held',
    more: BREAK_TEXT,
    run: (by, _words, rest) => addPoint(by, rest, false),
  },
  log: {
    usage: 'log PLACE [once] [hit N] [if CONDITION do] TEXT',
    help: 'sets a log point: writes the text, with names such as {request.path} filled in, and holds nothing',
    more: BREAK_TEXT,
    run: (by, _words, rest) => addPoint(by, rest, true),
  },
  points: {
    usage: 'points',
    help: 'lists the breakpoints and log points of this debugger',
    run: (by) =>
      by.debugger
        .pointsOf(by)
        .map((each) => each.describe())
        .join('\n') || 'no breakpoint is set',
  },
  clear: {
    usage: 'clear N',
    help: 'removes a breakpoint by its number',
    run: (by, [number]) => {
      if (number === undefined)
        throw new CommandError('say which: clear N, with a number that `points` shows')
      const id = Number(number.replace(/^#/, ''))
      if (!by.debugger.removePoint(by, id))
        throw new CommandError(`there is no breakpoint ${number}: see \`points\``)
      return `#${id} is removed`
    },
  },
  continue: {
    usage: 'continue [ID | all]',
    help: 'lets a held request go on',
    run: (by, [id]) => {
      if (id === 'all') {
        const all = by.debugger.holding.all().filter((each) => by.debugger.release(each, by) === null)
        return `${all.length} go on`
      }
      const one = find(by, id)
      // The debugger of a continuation is told that it goes on, even if another debugger releases it.
      refuse(by.debugger.release(one, by))
      return ''
    },
  },
  step: {
    usage: 'step [ID]',
    help: 'lets a held request take one step: to its next wait, or its next step',
    run: (by, [id]) => {
      refuse(by.debugger.go(find(by, id), by, 'step', null))
      return ''
    },
  },
  next: {
    usage: 'next [ID]',
    help: 'lets a held request go on to its next step, through its wait',
    run: (by, [id]) => {
      refuse(by.debugger.go(find(by, id), by, 'next', null))
      return ''
    },
  },
  until: {
    usage: 'until [ID] STEP',
    help: 'lets a held request go on until it comes to a step',
    run: (by, words) => {
      const step = words[words.length - 1]
      const one = find(by, words.length > 1 ? words[0] : undefined)
      if (step === undefined || !one.program.names.includes(step))
        throw new CommandError(
          `${one.program.name} has no step '${step ?? ''}': it has ${one.program.names.join(', ')}`,
        )
      refuse(by.debugger.go(one, by, 'next', step))
      return ''
    },
  },
  late: {
    usage: 'late [ID]',
    help: 'ends the wait of a request now, as if its time had passed',
    run: (by, [id]) => {
      const one = find(by, id)
      if (!one.holdable) throw new CommandError(`${one.id} is a ${one.kind}, and not a request`)
      refuse(by.debugger.target.world.scheduler.makeLate(one))
      return one.held ? `${one.id} is late when it goes on` : `${one.id} is late`
    },
  },
  cancel: {
    usage: 'cancel [ID]',
    help: 'ends a request, as if its client had left',
    run: (by, [id]) => {
      const one = find(by, id)
      by.debugger.inquiry.endOf(one)
      return `${one.id} is cancelled`
    },
  },
  goto: {
    usage: 'goto [ID] STEP',
    help: 'sends a held request to another step, along a declared edge',
    run: (by, words) => {
      const step = words[words.length - 1]
      const one = find(by, words.length > 1 ? words[0] : undefined)
      if (step === undefined) throw new CommandError('say where to: goto ID STEP')
      refuse(by.debugger.mayChange(one, by))
      refuse(by.debugger.target.world.scheduler.redirect(one, step))
      return `${one.id} goes to ${step} when it goes on`
    },
  },
  set: {
    usage: 'set [ID] NAME VALUE',
    help: "changes a held request: path, authority, request.headers['x-a'], response.headers['x-a'], backend",
    run: (by, words, rest) => {
      const byId = words.length > 2 && living(by, words[0]) !== null
      const one = find(by, byId ? words[0] : undefined)
      const name = byId ? words[1] : words[0]
      if (name === undefined) throw new CommandError('say what to change: set ID NAME VALUE')
      const value = rest.slice(rest.indexOf(name) + name.length).trim()
      refuse(by.debugger.mayChange(one, by))
      refuse(by.debugger.target.set(one, name, value))
      return `${name} = ${value}`
    },
  },
  answer: {
    usage: 'answer [ID] STATUS [TEXT]',
    help: 'answers a held request in the place of its backend',
    run: (by, words, rest) => {
      if (words.length === 0) throw new CommandError('say what to answer: answer ID STATUS [TEXT]')
      const byId = !/^\d+$/.test(words[0])
      if (byId && words.length === 1) throw new CommandError('say the status: answer ID STATUS [TEXT]')
      const one = find(by, byId ? words[0] : undefined)
      const status = words[byId ? 1 : 0] ?? ''
      const text = rest.slice(rest.indexOf(status, byId ? words[0].length : 0) + status.length).trim()
      refuse(by.debugger.mayChange(one, by))
      refuse(by.debugger.target.answer(one, Number(status), text === '' ? '' : `${text}\n`))
      return `${one.id} is answered with ${status} when it goes on`
    },
  },
  print: {
    usage: 'print [ID] NAME',
    help: 'prints a value by the name that conditions use, such as request.path',
    run: (by, words) => {
      const one = find(by, words.length > 1 ? words[0] : undefined)
      const moment = { continuation: one, from: '-' }
      return valueText(by.debugger.target.vocabulary, moment, words[words.length - 1] ?? '')
    },
  },
}

/** Short names, as in gdb. */
const SHORT: Readonly<Record<string, string>> = {
  b: 'break',
  c: 'continue',
  l: 'list',
  n: 'next',
  p: 'print',
  s: 'step',
}

const SHORT_TEXT = `Short: ${Object.entries(SHORT)
  .map(([short, name]) => `${short} ${name}`)
  .join(', ')}.`

export const isCommand = (name: string): boolean =>
  Object.hasOwn(commands, name) || Object.hasOwn(SHORT, name)

/** Runs one line. Throws a CommandError. */
export function evaluate(by: Commander, line: string): string {
  if (line.length > COMMAND_CHARACTERS_MAX)
    throw new CommandError(`a command has at most ${COMMAND_CHARACTERS_MAX} characters`)
  const trimmed = line.trim()
  const end = trimmed.search(/\s|$/)
  const name = trimmed.slice(0, end)
  const rest = trimmed.slice(end).trim()
  if (name === '') return ''
  if (!isCommand(name)) {
    const isValue = Object.hasOwn(by.debugger.target.vocabulary, name.replace(/\[.*/, ''))
    throw new CommandError(
      `there is no command '${name}': ${isValue ? `write print ${trimmed}` : 'see `help`'}`,
    )
  }
  const words = rest === '' ? [] : rest.split(/\s+/)
  return commands[SHORT[name] ?? name].run(by, words, rest)
}

/** Returns the possible endings of this line: commands, ids, places or steps. */
export function completions(by: Commander, line: string): string[] {
  const words = line.trimStart().split(/\s+/)
  const last = words[words.length - 1]
  const of = (all: Iterable<string>) => [...all].filter((each) => each.startsWith(last)).slice(0, 100)
  if (words.length <= 1) return of(Object.keys(commands))
  const { scheduler } = by.debugger.target.world
  if (words[0] === 'break' || words[0] === 'log')
    return of(by.debugger.programs().flatMap(({ name, names }) => names.map((step) => `${name}.${step}`)))
  if (words[0] === 'help') return of(Object.keys(commands))
  const ids: string[] = []
  for (const each of scheduler.alive()) if (each.holdable && ids.length < 1000) ids.push(each.id)
  if (words[0] === 'goto' && words.length === 3) {
    const one = living(by, words[1])
    if (one !== null) return of(one.program.edges[one.stepName] ?? [])
  }
  return of(ids)
}
