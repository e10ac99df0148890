// The changes that a debugger may make to an exchange that it holds: its next step, its request before it is
// sent, its response before any of it is sent, its backend. Each change is checked as the codecs would check
// it, and never touches framing: a message must not get two meanings.

import type { Head } from '../http/index.js'
import { choice } from './choice.js'
import type { Exchange } from './exchange.js'
import { isReplayable } from './filter/run.js'
import { NO_ENDPOINT, REQUESTS_FULL } from './refusal.js'

/** The steps in which nothing of a response has been sent. */
const UNANSWERED: ReadonlySet<string> = new Set([
  'receive',
  'route',
  'filterRequest',
  'balance',
  'filterAttempt',
  'lease',
  'leaseLate',
  'sendHead',
  'awaitHead',
  'filterResponse',
  'retry',
])

/** An object, so that the simulator can plant defects in it. Each method returns what is wrong, or null. */
export const changes = {
  /** Returns why a debugger may not send it to this step, or null. */
  mayEnter(x: Exchange, step: string): string | null {
    if (step === x.stepName || step === 'abort') return null
    if ((x.stepName === 'refuse' || x.stepName === 'respond') && x.hold?.wait === null)
      return `${x.id} goes to ${x.stepName}, and that cannot be changed any more`
    if (!UNANSWERED.has(x.stepName)) return `the response to ${x.id} has begun`
    switch (step) {
      case 'refuse':
      case 'leaseLate':
        return null
      case 'lease':
        // Its present stream would be lost.
        return x.backendStream === null ? null : `${x.id} has been sent: only retry sends it again`
      case 'sendHead':
        return x.lease.session !== null ? null : `${x.id} has no lease`
      case 'filterResponse':
        return x.backendStream?.head ? null : `the response head of ${x.id} has not come`
      case 'respond':
        return x.ownAnswer !== null ? null : 'say first what to answer: answer ID STATUS [TEXT]'
      case 'retry':
        if (x.backendStream === null) return `${x.id} has not been sent`
        // They meet no second response, and some of them may have the first one.
        if (x.filters !== null && (x.responseHead !== null || x.draft !== null))
          return `filters have met the response to ${x.id}: it cannot be sent again`
        return x.asksTunnel || isReplayable(x)
          ? null
          : `the body of ${x.id} is not kept: it cannot be sent again`
      default:
        return `only the exchange itself goes on to ${step}`
    }
  },

  /** Sets a field of the request. */
  setRequest(x: Exchange, name: string, value: string): string | null {
    return (
      changes.isSent(x) ??
      changed(() => {
        x.request = x.request.with(name, value)
        if (x.attemptHead !== null) x.attemptHead = x.attemptHead.with(name, value)
      })
    )
  },

  /** Sets `:path` or `:authority` of the request. */
  setControl(x: Exchange, name: 'path' | 'authority', value: string): string | null {
    if (name === 'path' && value === '*' && x.request.method?.value !== 'OPTIONS')
      return 'only OPTIONS asks for *'
    const sent = changes.isSent(x)
    if (sent !== null) return sent
    if (name === 'path' && value !== '*' && !/^\/\S*$/.test(value))
      return `'${value}' is not a path: it begins with / and has no blanks`
    return changed(() => {
      x.request = x.request.withControl(name, value)
      if (x.attemptHead !== null) x.attemptHead = x.attemptHead.withControl(name, value)
    })
  },

  /** Returns a clause if the request has been sent, else null. */
  isSent(x: Exchange): string | null {
    return x.backendStream !== null || !UNANSWERED.has(x.stepName)
      ? `the request of ${x.id} has been sent`
      : null
  },

  /** Sets a field of the response. */
  setResponse(x: Exchange, name: string, value: string): string | null {
    const stream = x.backendStream
    if (x.draft === null && (stream === null || stream.head === null))
      return `the response head of ${x.id} has not come`
    if (x.stepName !== 'filterResponse')
      return `the response head of ${x.id} has been sent: hold it at exchange.filterResponse`
    return changed(() => {
      if (x.draft !== null) x.draft.head = x.draft.head.with(name, value)
      else if (x.responseHead !== null) x.responseHead = x.responseHead.with(name, value)
      else if (stream !== null) stream.head = (stream.head as Head).with(name, value)
    })
  },

  /** Gives it to another backend of the routes. It must then be sent to `lease`. */
  setBackend(x: Exchange, name: string): string | null {
    if (x.stepName !== 'lease') return `hold ${x.id} at exchange.lease to choose its backend`
    if (x.connectTarget !== null) return 'a CONNECT goes to its own target'
    const backend = x.proxy.backends.find((each) => each.name === name)
    if (backend === undefined) {
      const names = x.proxy.backends.map((each) => each.name)
      return `no route has the backend '${name}': there are ${names.join(', ')}`
    }
    if (backend !== x.backend && backend.isFull) return REQUESTS_FULL.text
    const endpoint = choice.endpointOf(x, backend)
    if (endpoint === null) return NO_ENDPOINT.text
    x.lease.release()
    x.goTo(backend)
    choice.take(x, backend, endpoint)
    return null
  },

  /** Prepares an answer in place of the backend's, for `respond`. */
  setAnswer(x: Exchange, status: number, text: string): string | null {
    if (!Number.isInteger(status) || status < 200 || status > 599)
      return 'a status is a number from 200 to 599'
    if (x.asksTunnel && status < 300) return `${x.id} asks for a tunnel: only its backend can open it`
    if (text !== '' && (status === 204 || status === 205 || status === 304)) return `${status} has no body`
    x.ownAnswer = { status, outcome: 'by-debugger', text, fields: [] }
    return null
  },
}

function changed(change: () => void): string | null {
  try {
    change()
    return null
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}
