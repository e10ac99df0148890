#!/usr/bin/env node
// The command line's entry. Everything is in server/.

import { setFlagsFromString } from 'node:v8'

// SIGUSR1 opens log files again. Without a handler Node would open its inspector on this signal, and anyone
// on this machine could run code in the process. So the handler stands before anything else is loaded.
process.on('SIGUSR1', () => {})

// V8 would compile code for speed that runs only while modules load: a third of the start's CPU time.
setFlagsFromString('--no-opt')

// V8 remembers up to four shapes of object at each place that reads a field; past them each read is a look-up
// in a table. The turn and the scheduler meet a dozen: each kind of continuation and of pollable is one.
// Remembered, a request costs a tenth to a quarter less.
setFlagsFromString('--max-valid-polymorphic-map-count=16')
// A request crosses many small functions. With V8's own budget for inlining, more of them stay calls.
setFlagsFromString('--max-inlined-bytecode-size=1000')
setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')

const { run } = await import('./server/entry.js')
run(process.argv)
setFlagsFromString('--opt')
