// The trace: one line for each transition, in the grammar of spec/trace.md.
//
//   TIME ID STEP OUTCOME NEXT WAITS

import { namesOf, type Pollable, type Pollset } from '../pollset/index.js'
import type { Continuation } from './continuation.js'
import type { Hold } from './hold.js'
import { GOTO, type Outcome, SUSPEND } from './steps.js'
import type { Tracer } from './watchers.js'

function waitOf(pollable: Pollable | null, bits: number): string[] {
  return pollable === null ? [] : [`${pollable.id}:${namesOf(bits, pollable.bitNames).join('|')}`]
}

/** Returns the wait of a continuation with this outcome, in the trace's grammar; '-' for no wait. */
export function waitsOf(c: Continuation, out: Outcome<string>): string {
  if (out.kind !== SUSPEND) return '-'
  const waits = [...waitOf(c.slot0, c.bits0), ...waitOf(c.slot1, c.bits1), ...waitOf(c.slot2, c.bits2)]
  if (out.within >= 0) waits.push(`within:${c.durations[out.within].duration}`)
  else if (c.until !== 0) waits.push(`until:${c.until.toFixed(3)}`)
  return waits.length === 0 ? '-' : waits.join(',')
}

/** Returns the name of a step and of the thing it works on; '-' for no step. */
const named = (c: Continuation, step: number, ran: boolean): string => {
  const name = c.program.names[step]
  return name === undefined ? '-' : `${name}${c.stepDetail(step, ran)}`
}

/** Calls `write` with each trace line, its newline included. */
export class TraceLines implements Tracer {
  private readonly pollset: Pollset
  private readonly write: (line: string) => void

  constructor(pollset: Pollset, write: (line: string) => void) {
    this.pollset = pollset
    this.write = write
  }

  transition(c: Continuation, step: number, out: Outcome<string>): void {
    const names = c.program.names
    const word = out.kind === GOTO ? 'goto' : out.kind === SUSPEND ? 'suspend' : 'done'
    this.line(c, named(c, step, true), word, names[out.next] ?? '-', waitsOf(c, out))
  }

  diverted(c: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void {
    this.line(c, named(c, step, true), cause, c.program.names[next], '-')
  }

  held(c: Continuation, hold: Hold): void {
    const from = hold.wait === null ? hold.from : c.step
    this.line(
      c,
      named(c, from, true),
      'held',
      named(c, c.step, false),
      hold.wait === null ? '-' : waitsOf(c, hold.wait),
    )
  }

  released(c: Continuation, hold: Hold): void {
    const from = hold.wait === null ? hold.from : c.step
    this.line(c, named(c, from, true), 'released', named(c, c.step, false), '-')
  }

  redirected(c: Continuation, from: number, to: number): void {
    this.line(c, c.program.names[from], 'redirected', c.program.names[to], '-')
  }

  private line(c: Continuation, step: string, outcome: string, next: string, waits: string): void {
    this.write(`${this.pollset.now.toFixed(3)} ${c.id} ${step} ${outcome} ${next} ${waits}\n`)
  }
}
