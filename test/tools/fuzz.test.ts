// The fuzzing itself: a planted defect is found, shrunk, and found again by what the report says.

import fc from 'fast-check'
import t from 'tap'
import { frames, integer, isWhole, wireOf } from '../../tools/fuzz/frames.js'
import { crumbs, cut, find, hold, mangle, report, type Target } from '../../tools/fuzz/target.js'
import { frame, framesOf } from '../world/frames.js'

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
