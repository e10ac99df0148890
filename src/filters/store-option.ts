// The part of a filter's options that names a store: a backend of Redis, and the identity of its sessions.

import { z } from 'zod'
import type { OptionChecks, OptionTypes } from './define.js'

/** The options of every store, for a schema. */
export const storeShape = (types: OptionTypes) => ({
  backend: types.text('The backend: one with protocol: redis.', 'the name of a backend'),
  database: types.count('The number of its database. Default: 0.', 0, 1_000_000).optional(),
  user: types.text('The user that it is asked as. Default: that of Redis.', 'a name').optional(),
  password: types.secret('The password of that user.', 'a password, or { file: PATH }').optional(),
})

const shape = (types: OptionTypes) => z.strictObject(storeShape(types))

export type StoreOption = z.output<ReturnType<typeof shape>>

/** Finds mistakes of an option that names a store. */
export function checkStore({ backend, user, password }: StoreOption, at: string, checks: OptionChecks): void {
  checks.store([at, 'backend'], backend)
  if (user !== undefined && password === undefined)
    checks.error([at, 'user'], 'a user has a password; write password too')
}
