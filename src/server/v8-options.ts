// The options of V8 under which requests cost least.

import { setFlagsFromString } from 'node:v8'

/** Sets them, for code that is compiled from now on. */
export function setV8Options(): void {
  // V8 remembers up to four shapes of object at each place that reads a field; past them each read is a
  // look-up in a table. The turn and the scheduler meet a dozen: each kind of continuation and of pollable is
  // one. Remembered, a request costs a tenth to a quarter less.
  setFlagsFromString('--max-valid-polymorphic-map-count=16')
  // A request crosses many small functions. With V8's own budget for inlining, more of them stay calls.
  setFlagsFromString('--max-inlined-bytecode-size=1000')
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
}
