// Defects in the claims dropped from a request, to plant one at a time, like those of defects.ts.

import { DateClock } from '../../src/http/date.js'
import { Head } from '../../src/http/index.js'
import { type Defect, wrap } from './defects.js'

export const claimDefects: readonly Defect[] = [
  {
    name: 'claims pass',
    what: 'what a client claims to be is passed on to a backend',
    expected: ['S2'],
    plan: { fieldsPercent: 80, forgedPercent: 80 },
    plant: () => wrap<Head, [never]>(Head.prototype, 'remove', () => undefined),
  },
  {
    name: 'the scheme passes',
    what: 'a backend over HTTP/2 gets the scheme that the client wrote',
    expected: ['S2'],
    plan: { fieldsPercent: 80, forgedPercent: 80, http1Backend: 0, http1ClientsPercent: 0 },
    plant: () => wrap<Head, [never]>(Head.prototype, 'replaceScheme', () => undefined),
  },
  {
    name: 'no Date',
    what: 'a response without Date is passed on as it is',
    expected: ['W1'],
    plan: { requests: 20 },
    plant: () => wrap<DateClock, [never]>(DateClock.prototype, 'stamp', () => undefined),
  },
  {
    name: 'a length beside 103',
    what: 'what frames a body passes in interim responses and 204 of an HTTP/2 backend',
    expected: ['W1'],
    plan: { requests: 40, interimPercent: 80, http1Backend: 0, http1ClientsPercent: 0 },
    plant: () => wrap<Head, [never]>(Head.prototype, 'remove', () => undefined),
  },
]
