// The list through its members: against an array, and what its invariants refuse.

import t from 'tap'
import { List, type Listed } from '../../src/pollset/index.js'
import { seeded } from '../world/random.js'

class Member implements Listed<Member> {
  list: object | null = null
  listPrev: Member | null = null
  listNext: Member | null = null
}

t.test('joining, leaving anywhere, and taking the first: as an array does', async (t) => {
  const random = seeded(7)
  const list = new List<Member>()
  let model: Member[] = []
  for (let step = 0; step < 2_000; step++) {
    const what = random(4)
    if (what < 2) {
      const member = new Member()
      list.push(member)
      model.push(member)
    } else if (what === 2 && model.length > 0) {
      const member = model[random(model.length)]
      list.remove(member)
      model = model.filter((each) => each !== member)
    } else if (list.shift() !== (model.shift() ?? null))
      throw new Error(`step ${step}: another was the first`)
    const back: Member[] = []
    for (let each = list.last; each !== null; each = each.listPrev) back.unshift(each)
    const same = (others: Member[]) =>
      others.length === model.length && others.every((each, at) => each === model[at])
    if (!same([...list]) || !same(back) || list.size !== model.length) throw new Error(`step ${step}`)
  }
  t.pass('2,000 steps')
})

t.test('the member at hand may leave while it is gone through', async (t) => {
  const list = new List<Member>()
  for (let count = 0; count < 3; count++) list.push(new Member())
  for (const each of list) list.remove(each)
  t.strictSame([list.size, list.first, list.last], [0, null, null])
})

t.test('all of another list join at the end, in their order', async (t) => {
  const [list, other] = [new List<Member>(), new List<Member>()]
  const members = [new Member(), new Member(), new Member()]
  list.push(members[0])
  other.push(members[1])
  other.push(members[2])
  list.takeAll(other)
  t.ok([...list].every((each, at) => each === members[at]))
  t.strictSame([list.size, other.size, other.first, other.last], [3, 0, null, null])
})

t.test('twice in, or out of another: broken', async (t) => {
  const [list, other] = [new List<Member>(), new List<Member>()]
  const member = new Member()
  list.push(member)
  t.throws(() => list.push(member), { name: 'InvariantBroken' })
  t.throws(() => other.push(member), { name: 'InvariantBroken' })
  t.throws(() => other.remove(member), { name: 'InvariantBroken' })
  list.remove(member)
  t.throws(() => list.remove(member), { name: 'InvariantBroken' })
  t.equal(list.size, 0)
})
