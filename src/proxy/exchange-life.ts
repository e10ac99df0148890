// The steps and edges of an exchange, and its named waits. exchange-steps.ts has the steps.

import { defineLife } from '../continuation/index.js'

export const exchangeLife = defineLife({
  name: 'exchange',
  source: new URL('./exchange-steps.js', import.meta.url).href,
  edges: {
    receive: ['route', 'refuse', 'abort'],
    route: ['filterRequest', 'balance', 'lease', 'respond', 'refuse', 'abort'],
    filterRequest: ['filterRequest', 'balance', 'respond', 'refuse', 'abort'],
    balance: ['balance', 'filterAttempt', 'lease', 'respond', 'refuse', 'abort'],
    filterAttempt: ['filterAttempt', 'lease', 'respond', 'refuse', 'abort'],
    lease: ['lease', 'leaseLate', 'sendHead', 'retry', 'respond', 'refuse', 'abort'],
    leaseLate: ['lease', 'retry', 'refuse'],
    sendHead: ['awaitHead', 'lease', 'retry', 'respond', 'refuse', 'abort'],
    awaitHead: ['awaitHead', 'filterResponse', 'retry', 'respond', 'refuse', 'abort'],
    filterResponse: ['filterResponse', 'transfer', 'tunnel', 'retry', 'respond', 'refuse', 'abort'],
    transfer: ['transfer', 'finish', 'abort'],
    tunnel: ['tunnel', 'finish', 'abort'],
    finish: ['log'],
    respond: ['respond', 'filterResponse', 'log', 'abort'],
    refuse: ['filterResponse', 'log', 'abort'],
    retry: ['balance', 'lease', 'respond', 'refuse', 'abort'],
    abort: ['log'],
    log: ['done'],
  },
  waits: ['lease', 'head', 'headLook', 'bodyLook', 'tunnelLook', 'answer'],
})
