// The fields of an access log: names, kinds, and the places of their values. A protocol defines them once, in
// the order in which they stand in a line. It reads all values of a line at once, into arrays in which each
// field has a place: a line is made for each request, and a function for each field costs more than the line.

/** A small record in a list, such as an attempt. Its texts are escaped. */
export type ListRow = Readonly<Record<string, string | number>>

/** The rows of an empty list. */
export const NO_ROWS: readonly ListRow[] = []

/** The values of a line. Each line fills the same arrays again. */
export interface LineValues {
  /** The texts; '' for none. */
  readonly texts: string[]
  /** The numbers; NaN for none. */
  readonly numbers: number[]
  /** The series; null for none. */
  readonly series: (Float64Array | null)[]
  /** A mask for each of the series: the numbers that may be above 0. The bit of the first number is 1. */
  readonly marks: number[]
  /** The lists; empty for none. */
  readonly lists: (readonly ListRow[])[]
}

/** The most names of a field of numbers: each has a bit. */
export const NUMBERS_MAX = 31
const LAST_BIT = 31

/** Returns the place of the first of these marks. */
export const firstMarked = (marks: number): number => LAST_BIT - Math.clz32(marks & -marks)

export type LogField<T> =
  | TextField<T>
  /** An id of ours: the texts `m1` and `s`, and the number 5, for `m1/s5`; without a letter `m1` alone. */
  | {
      readonly name: string
      readonly kind: 'id'
      readonly owner: number
      readonly letter: number
      readonly at: number
    }
  | NumberField<T>
  /** Numbers by name, at most {@link NUMBERS_MAX}. Those that are 0 are left out. */
  | {
      readonly name: string
      readonly kind: 'numbers'
      readonly names: readonly string[]
      readonly at: number
    }
  | {
      readonly name: string
      readonly kind: 'list'
      /** The names of a row's values, in order. */
      readonly columns: readonly string[]
      readonly at: number
    }

/**
 * `text`: a peer may have written it, so it is escaped and cut. `word`: one of our own words, of letters,
 * digits and `-/_.`.
 */
export type TextField<T> = {
  readonly name: string
  readonly kind: 'text' | 'word'
  readonly steady?: Steady
} & (Placed | { readonly text: (x: T) => string })

/**
 * `number`: 0 or more. `flag`: 0 or 1. Times: ms since 1970-01-01 UTC; `clf-time` is written as
 * `27/Nov/2026:08:50:00 +0000`.
 */
export type NumberField<T> = {
  readonly name: string
  readonly kind: 'number' | 'flag' | 'time' | 'clf-time'
  /** Numbers and flags only. */
  readonly steady?: Steady
} & (Placed | { readonly number: (x: T) => number })

/**
 * True: a format remembers the written text of several such fields, one after the other. Most lines have the
 * same values as an earlier line with the same text in the last of these fields.
 */
type Steady = boolean

/** The value is at this place in {@link LineValues}. Otherwise the field has a function that returns it. */
interface Placed {
  readonly at: number
}

/** Fields by a name that is part of theirs: `request.user-agent`. */
export interface LogFamily<T> {
  /** `request.` */
  readonly prefix: string
  /** The rest of the name, for a person: `FIELD`. */
  readonly rest: string
  /** Returns the field of this name behind the prefix; null if that is not one. */
  field(rest: string): LogField<T> | null
}

const placesOf = <T>(field: LogField<T>): number[] =>
  field.kind === 'id' ? [field.at, field.owner, field.letter] : 'at' in field ? [field.at] : []

export class LogFields<T> {
  /** All fields except the families, in order. */
  readonly all: readonly LogField<T>[]
  /** Puts the values of `x` at the places of the fields. */
  readonly read: (x: T, values: LineValues) => void
  /** The number of places. */
  readonly places: number
  private readonly families: readonly LogFamily<T>[]

  /** Throws a RangeError if a field has too many numbers. */
  constructor(
    all: readonly LogField<T>[],
    read: (x: T, values: LineValues) => void,
    families: readonly LogFamily<T>[],
  ) {
    for (const each of all)
      if (each.kind === 'numbers' && each.names.length > NUMBERS_MAX)
        throw new RangeError(`'${each.name}' has more than ${NUMBERS_MAX} numbers`)
    this.all = all
    this.read = read
    this.places = Math.max(0, ...all.flatMap(placesOf)) + 1
    this.families = families
  }

  /** Returns the field of this name; null if there is none. */
  find(name: string): LogField<T> | null {
    const own = this.all.find((each) => each.name === name)
    if (own !== undefined) return own
    const family = this.families.find(({ prefix }) => name.startsWith(prefix))
    return family?.field(name.slice(family.prefix.length)) ?? null
  }

  /** The names for a person, those of the families as `request.FIELD`. */
  get names(): string[] {
    return [...this.all.map(({ name }) => name), ...this.families.map(({ prefix, rest }) => prefix + rest)]
  }
}

/** Writes a number, 0 or more, with at most three decimals. */
export const numberText = (value: number): string => String(Math.round(value * 1_000) / 1_000)
