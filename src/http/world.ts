// What the HTTP rooms share beyond the World itself: held bytes, interned fields, the date.

import type { World } from '../continuation/index.js'
import { HeldBytes } from '../transport/index.js'
import { DateClock } from './date.js'
import { FieldTable } from './field.js'

export interface HttpWorld extends World {
  readonly held: HeldBytes
  readonly fields: FieldTable
  readonly date: DateClock
}

export function createHttpWorld(world: World, held = new HeldBytes()): HttpWorld {
  const fields = new FieldTable()
  return { ...world, held, fields, date: new DateClock(world.pollset, fields) }
}
