// Builds the deterministic automaton of a regular expression: re2js parses and compiles it, and each set of
// instructions that can be active becomes a state before the first text is matched. So a match costs one
// look-up a character for any expression. An expression that needs too many states is refused.

import { RE2JS, RE2JSSyntaxException } from 're2js'

/** A deterministic automaton as plain data; it can be cloned to another thread. */
export interface Automaton {
  /** The first code point of each class, in ascending order. The first is 0. */
  readonly bounds: Uint32Array
  /** The class of the code points from each bound on. */
  readonly classes: Uint16Array
  /** The classes of 0 to 255. */
  readonly latin1: Uint16Array
  readonly classCount: number
  /** The next state, by state times `classCount` plus class. State 0 never matches, 1 is the first. */
  readonly next: Uint16Array
  /** 1 for a state in which a text may end. */
  readonly accepts: Uint8Array
}

/** An expression that is refused. */
export class PatternError extends Error {
  /** The offset of the fault in the text, in UTF-16 code units; -1 if the text as a whole is at fault. */
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** The most characters of an expression. */
const TEXT_MAX = 4_096
/** The most cells, states times classes: half a megabyte. */
const CELLS_MAX = 262_144
/** The most instructions that are visited while the automaton is built: some 50 ms. */
const VISITS_MAX = 1_000_000

/** An instruction of re2js (its `Inst`). */
interface Instruction {
  readonly op: number
  readonly out: number
  /** The alternative's other branch, the flags of an empty match, or the flags of a rune. */
  readonly arg: number
  readonly runes: ArrayLike<number>
  matchRune(rune: number): boolean
}

interface Program {
  readonly inst: readonly Instruction[]
  readonly start: number
}

const ALT = 1
const ALT_MATCH = 2
const CAPTURE = 3
const EMPTY_WIDTH = 4
const MATCH = 6
const NOP = 7
const RUNE = 8
const RUNE1 = 9
const RUNE_ANY = 10
const RUNE_ANY_NOT_NEWLINE = 11

const BEGIN_LINE = 1
const END_LINE = 2
const BEGIN_TEXT = 4
const END_TEXT = 8
const WORD_BOUNDARY = 16
const NO_WORD_BOUNDARY = 32

const FOLD_CASE = 1
const NEWLINE = 0x0a

/** The kinds of input before a position. The next code point is the input after it. */
const Before = { OTHER: 0, WORD: 1, NEWLINE: 2, BEGIN: 3 } as const
type Before = (typeof Before)[keyof typeof Before]

/** Stands for the position after the last character. */
const END = -1

const WORD_RANGES = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
] as const

const isWord = (code: number): boolean => WORD_RANGES.some(([first, last]) => code >= first && code <= last)

function beforeOf(code: number): Before {
  if (code === NEWLINE) return Before.NEWLINE
  return isWord(code) ? Before.WORD : Before.OTHER
}

/** Returns the empty matches that hold between the input before and the code point after. */
function emptyMatches(before: Before, after: number): number {
  let holds = 0
  if (before === Before.BEGIN) holds |= BEGIN_TEXT | BEGIN_LINE
  if (before === Before.NEWLINE) holds |= BEGIN_LINE
  if (after === END) holds |= END_TEXT | END_LINE
  if (after === NEWLINE) holds |= END_LINE
  return (
    holds | ((before === Before.WORD) === (after !== END && isWord(after)) ? NO_WORD_BOUNDARY : WORD_BOUNDARY)
  )
}

/** No letter with two cases has a code point from here on. */
const CASED_END = 0x1_f000
/** The visits that a search for other cases of a letter counts as. */
const FOLDS_VISITS = 20_000

/** Returns the letters that an instruction takes because it disregards case. */
function foldsOf(instruction: Instruction): readonly number[] {
  const [rune] = Array.from(instruction.runes)
  // Unicode has a third spelling of two ASCII letters: the Kelvin sign and the long s.
  if (rune === 0x4b || rune === 0x6b) return [0x4b, 0x6b, 0x212a]
  if (rune === 0x53 || rune === 0x73) return [0x53, 0x73, 0x17f]
  if (rune < 0x80) return [rune ^ 0x20]
  const folds: number[] = []
  for (let code = 0; code < CASED_END; code++) if (instruction.matchRune(code)) folds.push(code)
  return folds
}

function takes(instruction: Instruction, code: number): boolean {
  if (instruction.op === RUNE || instruction.op === RUNE1) return instruction.matchRune(code)
  return instruction.op === RUNE_ANY || (instruction.op === RUNE_ANY_NOT_NEWLINE && code !== NEWLINE)
}

class Builder {
  private readonly program: Program
  private readonly text: string
  private visits = 0
  /** Marks the instructions of the set that is being collected. */
  private readonly marks: Uint32Array
  private mark = 0
  /** The sets of instructions of the states, and the input before them. */
  private readonly sets: (readonly number[])[] = []
  private readonly befores: Before[] = []
  private readonly known = new Map<string, number>()

  constructor(program: Program, text: string) {
    this.program = program
    this.text = text
    this.marks = new Uint32Array(program.inst.length)
  }

  build(): Automaton {
    const { bounds, classes, samples } = this.classify()
    const classCount = samples.length
    this.stateOf([], Before.OTHER)
    this.stateOf(this.collect([this.program.start], 0), Before.BEGIN)
    const next: number[] = []
    const accepts: number[] = []
    for (let state = 0; state < this.sets.length; state++) {
      if (next.length + classCount > CELLS_MAX || this.sets.length > 0xffff) throw this.tooLarge()
      for (const sample of samples) next.push(this.step(state, sample))
      const last = this.passed(state, END)
      accepts.push(last.some((pc) => this.program.inst[pc].op === MATCH) ? 1 : 0)
    }
    return {
      bounds: Uint32Array.from(bounds),
      classes: Uint16Array.from(classes),
      latin1: latin1Of(bounds, classes),
      classCount,
      next: Uint16Array.from(next),
      accepts: Uint8Array.from(accepts),
    }
  }

  /**
   * Returns, in ascending order, the code points at which an instruction distinguishes a code point
   * from the one before.
   */
  private bounds(): number[] {
    const bounds = new Set<number>([0])
    const folded = new Set<number>()
    const add = (first: number, last: number): void => {
      bounds.add(first)
      bounds.add(last + 1)
    }
    for (const each of this.program.inst) {
      const { op, arg, runes } = each
      if (op === RUNE_ANY_NOT_NEWLINE || op === EMPTY_WIDTH) add(NEWLINE, NEWLINE)
      if (op === EMPTY_WIDTH) for (const [first, last] of WORD_RANGES) add(first, last)
      if (op !== RUNE && op !== RUNE1) continue
      if (runes.length !== 1) for (let i = 0; i < runes.length; i += 2) add(runes[i], runes[i + 1])
      else {
        add(runes[0], runes[0])
        if ((arg & FOLD_CASE) === 0 || folded.has(runes[0])) continue
        folded.add(runes[0])
        if (runes[0] >= 0x80) this.visit(FOLDS_VISITS)
        for (const fold of foldsOf(each)) add(fold, fold)
      }
    }
    return [...bounds].sort((a, b) => a - b)
  }

  /** Gives code points that no instruction distinguishes one class. `samples` has one of each class. */
  private classify(): { bounds: number[]; classes: number[]; samples: number[] } {
    const bounds = this.bounds()
    let classes = bounds.map(() => 0)
    const refine = (test: (code: number) => boolean): void => {
      this.visit(bounds.length)
      const ids = new Map<number, number>()
      classes = classes.map((before, at) => {
        const key = before * 2 + (test(bounds[at]) ? 1 : 0)
        const id = ids.get(key) ?? ids.size
        ids.set(key, id)
        return id
      })
    }
    const seen = new Set<string>()
    for (const each of this.program.inst) {
      const key = `${each.op} ${each.arg} ${Array.from(each.runes).join()}`
      const runes = each.op >= RUNE && each.op <= RUNE_ANY_NOT_NEWLINE
      if (!runes || seen.has(key)) continue
      seen.add(key)
      refine((code) => takes(each, code))
    }
    if (this.program.inst.some((each) => each.op === EMPTY_WIDTH)) {
      refine(isWord)
      refine((code) => code === NEWLINE)
    }
    const samples: number[] = []
    classes.forEach((id, at) => {
      samples[id] ??= bounds[at]
    })
    return { bounds, classes, samples }
  }

  private visit(count: number): void {
    this.visits += count
    if (this.visits > VISITS_MAX) throw this.tooLarge()
  }

  private tooLarge(): PatternError {
    return new PatternError(
      `this pattern would need too much memory: '.*' before a counted repeat does, or repeats within repeats: ${this.text}`,
      -1,
    )
  }

  /**
   * Returns the instructions that wait for a code point, an empty match or the end, starting from these, in
   * ascending order.
   * @param empty the empty matches that hold here; 0 to wait for them
   */
  private collect(from: readonly number[], empty: number): number[] {
    const mark = ++this.mark
    const found: number[] = []
    const stack = [...from]
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (this.marks[pc] === mark) continue
      this.marks[pc] = mark
      this.visit(1)
      const each = this.program.inst[pc]
      if (each.op === ALT || each.op === ALT_MATCH) stack.push(each.out, each.arg)
      else if (each.op === CAPTURE || each.op === NOP) stack.push(each.out)
      else if (each.op === EMPTY_WIDTH && empty !== 0) {
        if ((each.arg & ~empty) === 0) stack.push(each.out)
      } else if (each.op === EMPTY_WIDTH || each.op === MATCH || each.op >= RUNE) found.push(pc)
    }
    return found.sort((a, b) => a - b)
  }

  /** Returns the set of a state after the empty matches between it and this code point. */
  private passed(state: number, after: number): readonly number[] {
    const set = this.sets[state]
    if (!set.some((pc) => this.program.inst[pc].op === EMPTY_WIDTH)) return set
    return this.collect(set, emptyMatches(this.befores[state], after))
  }

  private step(state: number, code: number): number {
    const reached: number[] = []
    const set = this.passed(state, code)
    this.visit(set.length)
    for (const pc of set) if (takes(this.program.inst[pc], code)) reached.push(this.program.inst[pc].out)
    return this.stateOf(this.collect(reached, 0), beforeOf(code))
  }

  private stateOf(set: readonly number[], before: Before): number {
    // The input before a position matters only if an empty match waits.
    const told = set.some((pc) => this.program.inst[pc].op === EMPTY_WIDTH) ? before : Before.OTHER
    const key = `${told} ${set.join()}`
    this.visit(set.length)
    const known = this.known.get(key)
    if (known !== undefined) return known
    const state = this.sets.push(set) - 1
    this.befores.push(told)
    this.known.set(key, state)
    return state
  }
}

function latin1Of(bounds: readonly number[], classes: readonly number[]): Uint16Array {
  const table = new Uint16Array(256)
  let at = 0
  for (let code = 0; code < 256; code++) {
    while (at + 1 < bounds.length && bounds[at + 1] <= code) at++
    table[code] = classes[at]
  }
  return table
}

function parsed(text: string): Program {
  try {
    return RE2JS.compile(text).re2Input.prog as Program
  } catch (thrown) {
    if (!(thrown instanceof RE2JSSyntaxException)) throw thrown
    const part = thrown.input ?? ''
    const offset = part === '' || part === text ? -1 : text.indexOf(part)
    const place = offset < 0 ? '' : ` at character ${offset + 1}`
    throw new PatternError(`${thrown.error}${place}: ${text}${HINTS[thrown.error] ?? ''}`, offset)
  }
}

const HINTS: Readonly<Record<string, string>> = {
  'invalid repeat count': ' (a count is at most 1000, and so is the product of nested ones)',
  'invalid or unsupported Perl syntax': ' (patterns have no look-around)',
  'invalid escape sequence': ' (patterns have no back-references)',
}

/** Throws a {@link PatternError} if the text is not an expression, or its automaton would be too large. */
export function automatonOf(text: string): Automaton {
  if (text.length > TEXT_MAX)
    throw new PatternError(`a pattern has at most ${TEXT_MAX} characters, not ${text.length}`, TEXT_MAX)
  return new Builder(parsed(text), text).build()
}
