// The side at fault for each outcome. spec/outcomes.md has every word, and a test compares it with the code.

import type { Fault } from '../continuation/index.js'
import type { Exchange } from './exchange.js'

/** A side; '' if nothing went wrong or no side is to blame. */
export type OutcomeSide = Fault['side'] | ''

/** The sides of the words that are not codes of faults. */
export const outcomeSides: Readonly<Record<string, OutcomeSide>> = {
  ok: '',
  answered: '',
  redirected: '',
  'max-forwards': '',
  'tunnel-idle': '',
  'client-gone': 'frontend',
  'clear-text': 'frontend',
  'no-route': 'frontend',
  'path-ambiguous': 'frontend',
  'no-host': 'frontend',
  'connect-not-served': 'frontend',
  'connect-target': 'frontend',
  'connect-not-allowed': 'frontend',
  'protocol-not-served': 'frontend',
  'request-late': 'frontend',
  'response-unread': 'frontend',
  denied: 'frontend',
  unauthorized: 'frontend',
  'rate-limited': 'frontend',
  'in-flight-full': 'frontend',
  'in-flight-late': 'internal',
  'fault-injected': 'internal',
  'body-too-large': 'frontend',
  'no-endpoint': 'backend',
  'connect-late': 'backend',
  'head-late': 'backend',
  'body-late': 'backend',
  'retries-spent': 'backend',
  'retry-late': 'backend',
  'backend-without-tunnels': 'backend',
  'upgrade-declined': 'backend',
  'response-too-large': 'backend',
  'requests-full': 'internal',
  'queue-full': 'internal',
  'checks-full': 'internal',
  'tunnels-full': 'internal',
  'lease-late': 'internal',
  stall: 'internal',
  'filter-failed': 'internal',
  'filter-busy': 'internal',
  'filter-late': 'internal',
  'by-debugger': 'internal',
  closing: 'internal',
  'no-target': 'internal',
  'target-late': 'internal',
  'request-invalid': 'frontend',
  'event-failed': 'internal',
  internal: 'internal',
}

/** Returns the side at fault for the outcome of an exchange. */
export function sideOf({ outcome, cause, frontend }: Exchange): OutcomeSide {
  if (outcome === 'ok') return ''
  if (Object.hasOwn(outcomeSides, outcome)) return outcomeSides[outcome]
  if (cause?.code === outcome) return cause.side
  return frontend.fault?.code === outcome ? frontend.fault.side : ''
}
