// The keys of the actors: their names, and their slots.

import { slotOf } from '../../../src/redis/slots.js'

/** Keys share a slot if they share one of these. */
export const TAGS = ['{t0}', '{t1}', '{t2}', '{t3}'] as const

export const keyOf = (number: number): string => `${TAGS[number % TAGS.length]}k${number}`

export const slotOfKey = (key: string): number => {
  const bytes = Buffer.from(key, 'latin1')
  return slotOf(bytes, 0, bytes.length)
}

/** The tag of a client stands among the keys, where its server finds it. Nothing is stored under it. */
export const isMark = (key: string): boolean => key.includes('@')

/** Returns these keys with a mark for each slot, so that each server which gets a part of them knows whose it is. */
export const withMarks = (keys: readonly string[], tag: string): readonly string[] => [
  ...keys,
  ...new Set(keys.map((key) => `${key.slice(0, key.indexOf('}') + 1)}${tag}`)),
]
