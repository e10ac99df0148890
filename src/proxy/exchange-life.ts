// The steps and edges of an exchange, and its named waits. exchange-steps.ts has the steps.

import { defineLife } from '../continuation/index.js'

export const exchangeLife = defineLife({
  name: 'exchange',
  source: new URL('./exchange-steps.js', import.meta.url).href,
  edges: {
    receive: ['route', 'refuse', 'abort'],
    route: ['balance', 'lease', 'respond', 'refuse', 'abort'],
    balance: ['balance', 'lease', 'respond', 'refuse', 'abort'],
    lease: ['lease', 'leaseLate', 'sendHead', 'retry', 'respond', 'refuse', 'abort'],
    leaseLate: ['lease', 'retry', 'refuse'],
    sendHead: ['awaitHead', 'lease', 'retry', 'respond', 'refuse', 'abort'],
    awaitHead: ['awaitHead', 'answer', 'retry', 'respond', 'refuse', 'abort'],
    answer: ['transfer', 'tunnel', 'retry', 'refuse', 'abort'],
    transfer: ['transfer', 'finish', 'abort'],
    tunnel: ['tunnel', 'finish', 'abort'],
    finish: ['log'],
    respond: ['log', 'abort'],
    refuse: ['log', 'abort'],
    retry: ['balance', 'lease', 'respond', 'refuse', 'abort'],
    abort: ['log'],
    log: ['done'],
  },
  waits: ['lease', 'head', 'headLook', 'bodyLook', 'tunnelLook', 'answer'],
})
