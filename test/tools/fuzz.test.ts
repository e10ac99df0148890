// The fuzzing itself: a planted defect is found, shrunk, and found again by what the report says.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { frames, integer, isWhole, wireOf } from '../../tools/fuzz/frames.js'
import { missing } from '../../tools/fuzz/guided.js'
import { crumbs, cut, find, hold, mangle, report, type Target } from '../../tools/fuzz/target.js'
import { frame, framesOf } from '../../tools/testbed/frames.js'

/** Does not bear a SETTINGS frame with ACK behind a PING. */
const planted: Target<ReturnType<typeof framesOf>> = {
  about: 'a planted defect',
  arbitrary: frames('client')
    .filter(isWhole)
    .map((pieces) => framesOf(wireOf(pieces))),
  check(all) {
    const ping = all.findIndex((each) => each.type === 6)
    const ack = all.findLastIndex((each) => each.type === 4 && each.flags === 1)
    hold(ping < 0 || ack < ping, 'ACK behind PING')
  },
}

t.test('a planted defect is found, shrunk and found again', async (t) => {
  const found = find(planted, { seed: 1, runs: 500 })
  if (found === null) throw new Error('nothing found')
  const again = find(planted, { seed: found.seed, path: found.path, runs: 500 })
  t.equal(again?.counterexample, found.counterexample)
  t.equal((found.counterexample.match(/type/g) ?? []).length, 3, 'the greeting and the two')
  t.match(report('reader', found), `npm run fuzz -- reader --seed 1 --path ${found.path}`)
})

t.test('nothing is lost where octets are cut', async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 4000 }),
      fc.array(fc.nat(0xffff), { maxLength: 9 }),
      (each, at) => {
        const octets = Buffer.from(each)
        hold(Buffer.concat(cut(octets, at)).equals(octets), 'cut')
        hold(Buffer.concat(crumbs(octets)).equals(octets), 'crumbs')
        hold(mangle(octets, []).equals(octets), 'mangled')
      },
    ),
    { seed: 1, numRuns: 50 },
  )
  t.equal(integer(0x80, 7, 127).toString('hex'), 'ff00')
  t.equal(integer(0x20, 5, 1337).toString('hex'), '3f9a0a', 'RFC 7541 C.1.2')
  t.same(framesOf(frame(6, 0, 0, Buffer.alloc(8))).length, 1)
})

/** The tool itself, without the loaders of the test runner. */
function fuzz(...args: string[]): { status: number | null; text: string } {
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/tools/fuzz.js', ...args], {
    env,
    encoding: 'utf8',
  })
  return { status, text: stdout + stderr }
}

t.test('octets of a file are checked once, as a guided run leaves them', async (t) => {
  const file = join(t.testdir(), 'octets')
  writeFileSync(file, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(fuzz('http1-request', '--octets', file), { status: 0, text: /nothing found/ })
  t.match(fuzz('message', '--octets', file), { status: 1, text: /no form in octets. These have: reader, / })
})

t.test('a guided run, or why there can be none on this machine', async (t) => {
  const why = await missing()
  const { status, text } = fuzz('huffman', '--guided', '--minutes', '0.02', '--corpus', t.testdir())
  if (why === null) t.match({ status, text }, { status: 0, text: /DONE +cov: \d/ })
  else t.match({ status, text }, { status: 1, text: /addon of @jazzer.js\/fuzzer, which does not load here/ })
})
