// The reply to a command that was divided: it must be what the replies to its parts give together.

import type { Asked, Run } from './books.js'
import { isMark } from './keys.js'
import { ReplyText, type Value } from './wire.js'

const read = (raw: string): Value => {
  const text = new ReplyText()
  text.add(Buffer.from(raw, 'latin1'))
  return text.next() as Value
}

/** Returns what is wrong with the reply, and the runs that it is of. */
export function mergedFault(asked: Asked, value: Value): readonly [string, readonly Run[]] {
  const { words, keys, runs, replies } = asked
  const none = keys.find((key) => !runs.has(key))
  if (none !== undefined) return [`no server has run it for ${none}`, []]
  const fine = replies.filter(({ raw }) => !raw.startsWith('-') && !raw.startsWith('+QUEUED'))
  switch (words[0]) {
    case 'MGET':
      return elements(words.slice(1), value, fine)
    case 'MSET':
      return [value.raw === '+OK\r\n' ? '' : 'its parts say OK', fine]
    default: {
      const sum = fine.reduce((all, { raw }) => all + Number(raw.slice(1)), 0)
      return [value.type === ':' && Number(value.text) === sum ? '' : `its parts give ${sum}`, fine]
    }
  }
}

/** Each element is of a part that has its key. */
function elements(
  words: readonly string[],
  value: Value,
  replies: readonly Run[],
): readonly [string, readonly Run[]] {
  if (value.items.length !== words.length) return [`it has ${value.items.length} elements`, []]
  const parts = replies.map((run) => ({ run, items: read(run.raw).items }))
  const used = new Set<Run>()
  for (const [at, word] of words.entries()) {
    const { raw, text } = value.items[at]
    const found = parts.filter(({ items }) => items.some((each) => each.raw === raw))
    const best = found.find(({ run }) => run.passed === null && run.outOfOrder === '') ?? found[0]
    if (best === undefined || !text.startsWith(`${word} `)) return [`no part has said ${text} of ${word}`, []]
    if (!isMark(word)) used.add(best.run)
  }
  return ['', [...used]]
}
