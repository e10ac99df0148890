// A fuzz target: values to draw, and a check that throws if one of them shows a defect. The tests run each
// target for a moment, and the tool (fuzz.ts) for a chosen time.

import fc from 'fast-check'

export interface Target<T> {
  readonly about: string
  readonly arbitrary: fc.Arbitrary<T>
  check(value: T): void
  /** Returns the value in a form for people; without it fast-check's own form is used. */
  show?(value: T): string
  /**
   * The form in octets, for coverage-guided runs: a value as octets, and the same check on altered octets.
   */
  readonly octets?: { of(value: T): Buffer; check(octets: Buffer): void }
}

export interface Finding {
  readonly seed: number
  /** fast-check's way to the shrunk counterexample. */
  readonly path: string
  readonly counterexample: string
  readonly error: string
}

export interface Runs {
  readonly seed: number
  readonly runs: number
  readonly path?: string
}

/** Runs a target, and shrinks a finding. Returns null if all runs are good. */
export function find<T>(target: Target<T>, { seed, runs, path }: Runs): Finding | null {
  const details = fc.check(
    fc.property(target.arbitrary, (value) => target.check(value)),
    path === undefined ? { seed, numRuns: runs } : { seed, numRuns: runs, path, endOnFailure: true },
  )
  if (!details.failed) return null
  const value = (details.counterexample as [T])[0]
  const error = details.errorInstance
  return {
    seed,
    path: details.counterexamplePath as string,
    counterexample: target.show?.(value) ?? fc.stringify(value),
    error: error instanceof Error ? (error.stack as string) : String(error),
  }
}

/** Returns a finding for a person, with the command that repeats it. */
export const report = (name: string, found: Finding): string =>
  [
    `${name}: seed ${found.seed}, path ${found.path}`,
    found.error,
    `counterexample: ${found.counterexample}`,
    `again: npm run fuzz -- ${name} --seed ${found.seed} --path ${found.path}`,
  ].join('\n')

/** The error of a broken invariant. */
export class Broken extends Error {
  override name = 'Broken'
}

export function hold(condition: boolean, what: string | (() => string)): asserts condition {
  if (!condition) throw new Broken(typeof what === 'string' ? what : what())
}

/** Cuts octets at these places, each a fraction of the whole in 1/65536; pieces may be empty. */
export function cut(octets: Buffer, places: readonly number[]): Buffer[] {
  const offsets = places.map((place) => Math.floor((place * octets.length) / 0x1_0000)).sort((a, b) => a - b)
  return [0, ...offsets].map((from, i) => octets.subarray(from, offsets[i] ?? octets.length))
}

/** Draws places for {@link cut}: none, a few, or one after every octet. */
export const places: fc.Arbitrary<number[]> = fc.array(fc.nat(0xffff), { maxLength: 12 })

/** The most pieces of an input that is given octet by octet; a longer one is given in larger pieces. */
const CRUMBS_MAX = 1500

export function crumbs(octets: Buffer): Buffer[] {
  const size = Math.ceil(octets.length / CRUMBS_MAX) || 1
  return Array.from({ length: Math.ceil(octets.length / size) }, (_, i) =>
    octets.subarray(i * size, (i + 1) * size),
  )
}

/** Alters a few octets: each edit has a place as in {@link cut}, and a change. */
export function mangle(octets: Buffer, edits: readonly Edit[]): Buffer {
  let out = octets
  for (const { place, kind, octet } of edits) {
    const at = Math.floor((place * out.length) / 0x1_0000)
    if (kind === 'flip') {
      out = Buffer.from(out)
      if (at < out.length) out[at] ^= octet === 0 ? 1 : octet
    } else if (kind === 'insert') {
      out = Buffer.concat([out.subarray(0, at), Buffer.from([octet]), out.subarray(at)])
    } else out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + (octet & 15))])
  }
  return out
}

export interface Edit {
  readonly place: number
  readonly kind: 'flip' | 'insert' | 'drop'
  readonly octet: number
}

export const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record({
    place: fc.nat(0xffff),
    kind: fc.constantFrom('flip', 'insert', 'drop'),
    octet: fc.nat(255),
  }),
  { maxLength: 4 },
)

export const octets = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((each) => Buffer.from(each))
