// The things that all connections of a World share: output slabs and the memory budget.

import type { World } from '../continuation/index.js'
import { type DialLimits, dialLimits } from './happy-eyeballs.js'
import { MemoryBudget, type MemoryLimits, memoryLimits } from './memory-budget.js'
import { OutputSlabs, type SlabLimits, slabLimits } from './slabs.js'

export interface TransportLimits extends DialLimits, MemoryLimits, SlabLimits {}

export const transportLimits: TransportLimits = { ...dialLimits, ...memoryLimits, ...slabLimits }

export interface TransportWorld extends World {
  readonly transportLimits: TransportLimits
  readonly memory: MemoryBudget
  readonly slabs: OutputSlabs
}

export function createTransportWorld(world: World, limits: Partial<TransportLimits> = {}): TransportWorld {
  const all = { ...transportLimits, ...limits }
  return {
    ...world,
    transportLimits: all,
    memory: new MemoryBudget(all),
    slabs: new OutputSlabs(all),
  }
}
