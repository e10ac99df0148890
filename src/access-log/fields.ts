// The fields of an access log: names, kinds, and how each is read. A protocol defines them once, in the order
// in which they stand in a line.

/** A small record in a list, such as an attempt. Its texts are escaped. */
export type ListRow = Readonly<Record<string, string | number>>

export type LogField<T> =
  /**
   * Text that a peer may have written; '' for none. It is escaped and cut. `steady`: most lines have the same
   * as the line before. A format remembers how several such fields are written, one behind the other.
   */
  | {
      readonly name: string
      readonly kind: 'text'
      readonly steady?: boolean
      readonly read: (x: T) => string
    }
  /** One of our own words, of letters, digits and `-/_.`; '' for none. */
  | {
      readonly name: string
      readonly kind: 'word'
      readonly steady?: boolean
      readonly read: (x: T) => string
    }
  /** A number, 0 or more; NaN for none. */
  | { readonly name: string; readonly kind: 'number'; readonly read: (x: T) => number }
  /** Null for none. */
  | { readonly name: string; readonly kind: 'flag'; readonly read: (x: T) => boolean | null }
  /** A point in time: ms since 1970-01-01 UTC. */
  | { readonly name: string; readonly kind: 'time'; readonly read: (x: T) => number }
  /** The same, as the common log format writes it: `27/Nov/2026:08:50:00 +0000`. */
  | { readonly name: string; readonly kind: 'clf-time'; readonly read: (x: T) => number }
  /** Numbers by name. Those that are 0 are left out; null for none. */
  | {
      readonly name: string
      readonly kind: 'numbers'
      readonly names: readonly string[]
      readonly read: (x: T) => ArrayLike<number> | null
    }
  | {
      readonly name: string
      readonly kind: 'list'
      /** The names of a row's values, in order. */
      readonly columns: readonly string[]
      readonly read: (x: T) => readonly ListRow[]
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

export class LogFields<T> {
  /** All but the families, in order. */
  readonly all: readonly LogField<T>[]
  private readonly families: readonly LogFamily<T>[]

  constructor(all: readonly LogField<T>[], families: readonly LogFamily<T>[]) {
    this.all = all
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

/** The digits behind the point, for each number of thousandths. */
export const DECIMALS: readonly string[] = Array.from({ length: 1_000 }, (_, thousandths) =>
  String(thousandths).padStart(3, '0').replace(/0+$/, ''),
)

/** Writes a number, 0 or more, with at most three decimals. */
export function numberText(value: number): string {
  const thousandths = Math.round(value * 1_000)
  const whole = Math.floor(thousandths / 1_000)
  const rest = thousandths - whole * 1_000
  return rest === 0 ? String(whole) : `${whole}.${DECIMALS[rest]}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (number: number): string => String(number).padStart(2, '0')

/** Writes times. Most lines of a second share what they begin with. */
export class Times {
  private second = Number.NaN
  private beginning = ''
  private clfSecond = Number.NaN
  private clf = ''

  /** As `2026-11-27T08:50:00.123Z`. */
  text(ms: number): string {
    const second = Math.floor(ms / 1_000)
    if (second !== this.second) {
      this.second = second
      this.beginning = new Date(second * 1_000).toISOString().slice(0, -4)
    }
    return `${this.beginning}${String(Math.floor(ms - second * 1_000)).padStart(3, '0')}Z`
  }

  /** As `27/Nov/2026:08:50:00 +0000`. */
  clfText(ms: number): string {
    const second = Math.floor(ms / 1_000)
    if (second === this.clfSecond) return this.clf
    this.clfSecond = second
    const at = new Date(second * 1_000)
    const day = `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}`
    this.clf = `${day}:${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`
    return this.clf
  }
}
