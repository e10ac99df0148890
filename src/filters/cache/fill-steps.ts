// The steps of a fill.
//
//   awaitHead → judge ─→ store ⇄ store → end
//                  │        └→ flow ⇄ flow → end   larger than allowed: no faster than its readers
//                  └→ end                          not stored: one reader gets it, the others go on

import { defineLife } from '../../continuation/index.js'
import { BODY, HEAD, RESET } from '../../http/index.js'
import { MOVED } from './body.js'
import type { Entry } from './entry.js'
import type { Fill } from './fill.js'

export const fillLife = defineLife({
  name: 'cache.fill',
  source: import.meta.url,
  edges: {
    awaitHead: ['awaitHead', 'judge', 'fail', 'end'],
    judge: ['store', 'end'],
    store: ['store', 'flow', 'fail', 'end'],
    flow: ['flow', 'fail', 'end'],
    fail: ['end'],
    end: ['done'],
  },
})

const { goto, done, suspend } = fillLife
// The exchange of the request has deadlines of its own: it ends, and so each of these waits ends.
const waitForHead = suspend({ then: 'awaitHead', cancelled: 'end' })
const waitToStore = suspend({ then: 'store', cancelled: 'end' })
const waitToFlow = suspend({ then: 'flow', cancelled: 'end' })

export const fillSteps = fillLife.steps<Fill>({
  /** Waits for the response head. */
  awaitHead(f) {
    const { request } = f
    if (f.cancelAsked) return goto.end
    if ((request.readiness & HEAD) !== 0) return goto.judge
    if ((request.readiness & RESET) !== 0) return goto.fail
    f.waitOn(0, request, HEAD | RESET)
    return waitForHead
  },

  /** Decides whether the response may be stored, and tells all waiting requests. */
  judge: (f) => (f.judge() ? goto.store : goto.end),

  /** Stores the bytes that have come. */
  store(f) {
    const { request } = f
    if (f.cancelAsked) return goto.end
    request.lower(BODY)
    if (!f.take(true)) {
      f.unlist()
      return goto.flow
    }
    if (request.waitingBytes > 0) request.raise(BODY)
    else if (request.remoteEnded) {
      f.complete()
      return goto.end
    } else if ((request.readiness & RESET) !== 0) return goto.fail
    if (f.isUnwanted) return goto.end
    f.waitOn(0, request, BODY | RESET)
    f.waitOn(1, (f.entry as Entry).body.moved, MOVED)
    ;(f.entry as Entry).body.moved.lower(MOVED)
    return waitToStore
  },

  /** Passes a body that is too large to be stored to its readers, no faster than the slowest. */
  flow(f) {
    const { request } = f
    const { body } = f.entry as Entry
    if (f.cancelAsked || body.readers.size === 0) return goto.end
    request.lower(BODY)
    body.isThrottled = true
    body.moved.lower(MOVED)
    f.take(false)
    body.trim()
    if (request.waitingBytes === 0) {
      if (request.remoteEnded) {
        body.end()
        return goto.end
      }
      if ((request.readiness & RESET) !== 0) return goto.fail
    }
    const ahead = request.waitingBytes > 0
    if (!ahead) f.waitOn(0, request, BODY | RESET)
    f.waitOn(1, body.moved, MOVED)
    return waitToFlow
  },

  fail(f) {
    f.failed()
    return goto.end
  },

  end(f) {
    f.ended()
    return done
  },
})
