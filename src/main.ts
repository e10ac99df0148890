#!/usr/bin/env node
// The command line's entry. Everything is in server/.

import { run } from './server/command-line.js'

run(process.argv)
