// The short form of a fuzz target: a fixed seed, a few hundred runs. `npm run fuzz` is the long form.

import t from 'tap'
import { find, report } from '../../tools/fuzz/target.js'
import { targets } from '../../tools/fuzz/targets.js'

const SEED = 7541_9113

/** Runs each of these targets this many times. */
export function short(runs: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(runs)) {
    t.test(`${name}: ${targets[name].about}`, async (t) => {
      const found = find(targets[name], { seed: SEED, runs: count })
      t.ok(found === null, found === null ? `${count} runs` : report(name, found))
    })
  }
}
