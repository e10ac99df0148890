#!/usr/bin/env node
// The command line's entry. Everything is in server/.

import { setFlagsFromString } from 'node:v8'

// SIGUSR1 opens log files again. Without a handler Node would open its inspector on this signal, and anyone
// on this machine could run code in the process. So the handler stands before anything else is loaded.
process.on('SIGUSR1', () => {})

// V8 would compile for speed what runs only while modules load. That takes a quarter to a third of the CPU
// time of a start.
setFlagsFromString('--no-opt')

const { setV8Options } = await import('./server/v8-options.js')
setV8Options()
const { run } = await import('./server/entry.js')
run(process.argv)
setFlagsFromString('--opt')
