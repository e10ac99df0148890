// The pace of a run: by time, for measurements; by requests, for tests that must not depend on time.

import type { Load } from './load.js'

/** A time in ms, or a number of requests that have ended. */
export type Pace = { readonly ms: number } | { readonly requests: number }

export const passed = (pace: Pace, load: Load): Promise<void> =>
  'ms' in pace ? new Promise((resolve) => setTimeout(resolve, pace.ms)) : load.ends(pace.requests)
