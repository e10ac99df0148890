// What the HTTP rooms share beyond the World itself: the memory budget, interned fields, the date.

import type { World } from '../continuation/index.js'
import { MemoryBudget } from '../transport/index.js'
import { DateClock } from './date.js'
import { FieldTable } from './field.js'

export interface HttpWorld extends World {
  readonly memory: MemoryBudget
  readonly fields: FieldTable
  readonly date: DateClock
}

export function createHttpWorld(world: World, memory = new MemoryBudget()): HttpWorld {
  const fields = new FieldTable()
  return { ...world, memory, fields, date: new DateClock(world.pollset, fields) }
}
