// The things that all connections of a World share: output slabs and the memory budget.

import type { World } from '../continuation/index.js'
import { type DialLimits, dialLimits } from './happy-eyeballs.js'
import { MemoryBudget, type MemoryLimits, memoryLimits } from './memory-budget.js'
import { MemoryLine } from './memory-line.js'
import { OutputSlabs, type SlabLimits, slabLimits } from './slabs.js'

export interface TransportLimits extends DialLimits, MemoryLimits, SlabLimits {}

export const transportLimits: TransportLimits = { ...dialLimits, ...memoryLimits, ...slabLimits }

export interface TransportWorld extends World {
  readonly transportLimits: TransportLimits
  readonly memory: MemoryBudget
  /** Those that wait for its room. */
  readonly memoryLine: MemoryLine
  readonly slabs: OutputSlabs
}

export function createTransportWorld(world: World, limits: Partial<TransportLimits> = {}): TransportWorld {
  const all = { ...transportLimits, ...limits }
  const memory = new MemoryBudget(all)
  return {
    ...world,
    transportLimits: all,
    memory,
    memoryLine: new MemoryLine(memory, world.pollset.deadlines),
    slabs: new OutputSlabs(all),
  }
}
