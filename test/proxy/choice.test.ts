// The choice of an endpoint for each attempt, and what becomes of a request that none can take.

import t from 'tap'
import { Seen } from '../world/seen.js'
import { STORIES } from './choices.js'

for (const [title, story] of STORIES)
  t.test(title, (t) => {
    story(t, new Seen())
    t.end()
  })
