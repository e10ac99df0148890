// Test files in one process, one after the other: node dist/test/one-process.js FILE... A process of its own
// costs each file more than most of them take. Each file's tests become subtests of one with the file's name,
// so that a failure still says where it was. Which files share a process is said in all.test.ts.

import { join } from 'node:path'
import root from 'tap'
import { killAll } from '../tools/testbed/programs.js'

/** The longest time of one file: that of a file that runs alone (.taprc). */
const fileTimeoutMs = 120_000

const begin = root.test.bind(root)

/** A file calls `t.test` and `t.setTimeout` of the process. While the file loads, these are those of its own subtest. */
async function loadAsSubtests(file: string): Promise<void> {
  await begin(file, { timeout: fileTimeoutMs }, async (own) => {
    let tests = 0
    root.test = ((...args: Parameters<typeof own.test>) => {
      tests++
      return own.test(...args)
    }) as typeof root.test
    root.setTimeout = own.setTimeout.bind(own)
    await import(join(import.meta.dirname, file))
    if (tests === 0) own.fail('there is no test in this file')
  })
}

/** Not by argument where there are many: tap names the folders that tests have after all arguments, and names have a bound. */
const files = process.env['TEST_FILES']?.split(',') ?? process.argv.slice(2)
for (const file of files) await loadAsSubtests(file)
// A program that a failed test has left would keep this process from its end.
killAll()
