// Loaded before the program (`node --import`): the output of a connection breaks an invariant that reaches the World.

import { invariant } from '../../src/pollset/index.js'
import { SlabOutput } from '../../src/transport/index.js'

SlabOutput.prototype.flush = function (this: SlabOutput) {
  invariant(this.finished, 'a slab has one owner', 'world')
}
