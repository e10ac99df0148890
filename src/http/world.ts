// The things that the HTTP rooms of a World share beyond those of transport: interned fields and the Date.

import type { World } from '../continuation/index.js'
import { createTransportWorld, type TransportLimits, type TransportWorld } from '../transport/index.js'
import { DateClock } from './date.js'
import { FieldTable } from './field-table.js'

export interface HttpWorld extends TransportWorld {
  readonly fields: FieldTable
  readonly date: DateClock
}

export function createHttpWorld(world: World, limits: Partial<TransportLimits> = {}): HttpWorld {
  const fields = new FieldTable()
  return { ...createTransportWorld(world, limits), fields, date: new DateClock(world.pollset, fields) }
}
