// Writes the trace. Lines that cannot be written are left out: no request waits for them, and none
// is lost for them.

import type { Writable } from 'node:stream'
import { counted } from './quantity.js'

/** The bytes that may wait for a slow disk or reader. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024

/**
 * Returns the function that writes a line, its newline included. Past the bound, lines are left out; after
 * them a line of the trace has their number. If the stream fails, the trace ends.
 * @param told is called once when lines are first left out, and once when the trace ends
 */
export function traceTo(
  stream: Writable,
  told: (level: 'warning' | 'error', text: string) => void,
  plain: (error: Error) => string,
): (line: string) => void {
  let over = false
  let leftOut = 0
  let isTold = false
  // The stream is not ended: lines come until the process exits, which writes pending ones.
  stream.on('error', (error) => {
    if (!over) told('error', `the trace cannot be written, and ends: ${plain(error)}`)
    over = true
  })
  return (line) => {
    if (over) return
    if (stream.writableLength > WAITING_BYTES_MAX) {
      leftOut++
      if (!isTold) told('warning', 'the trace is written too slowly: lines are left out')
      isTold = true
      return
    }
    if (leftOut > 0) stream.write(`# ${counted(leftOut, 'line')} left out\n`)
    leftOut = 0
    stream.write(line)
  }
}
