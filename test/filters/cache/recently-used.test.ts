// The order of what a cache keeps, compared with that of a Map in which a used key is set again.

import t from 'tap'
import { RecentlyUsed } from '../../../src/filters/cache/recently-used.js'
import { seeded } from '../../world/random.js'

t.test('G15: values are found, and leave by their last use', async (t) => {
  const random = seeded(3)
  const gone: string[] = []
  const used = new RecentlyUsed<number>((key) => gone.push(key))
  const model = new Map<string, number>()
  for (let step = 0; step < 3_000; step++) {
    const key = `k${random(20)}`
    const known = model.get(key)
    const act = random(5)
    if (act < 2 && known === undefined) {
      used.add(key, step)
      model.set(key, step)
    } else if (act < 3) {
      if (used.get(key) !== known) t.fail(`step ${step}: get`)
      if (known !== undefined) {
        model.delete(key)
        model.set(key, known)
      }
    } else if (act === 3) {
      used.delete(key)
      if ((known === undefined) !== (gone.pop() === undefined)) t.fail(`step ${step}: delete`)
      model.delete(key)
    } else {
      const [oldest = ''] = model.keys()
      if (used.peek(oldest) !== model.get(oldest)) t.fail(`step ${step}: peek`)
      if (used.pop() !== model.get(oldest)) t.fail(`step ${step}: pop`)
      if ((gone.pop() ?? '') !== oldest) t.fail(`step ${step}: another has left`)
      model.delete(oldest)
    }
    if (used.size !== model.size || gone.length > 0) t.fail(`step ${step}: size`)
  }
  t.strictSame([...used.keys()].sort(), [...model.keys()].sort())
})
