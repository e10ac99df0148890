// The entry that Jazzer.js loads and calls: the target named in the environment, fed with octets.

import { targets } from './targets.js'

const name = process.env['FUZZ_TARGET'] ?? ''
const octets = targets[name]?.octets
if (octets === undefined) throw new Error(`FUZZ_TARGET: no target with a form in octets: ${name}`)

/** Copies the input, which is the fuzzer's own memory. */
export function fuzz(given: Buffer): void {
  octets?.check(Buffer.from(given))
}
