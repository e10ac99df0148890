// Reads configurations in a thread of its own: YAML of 200 KB takes longer than a turn may. The starter of
// the thread bounds its memory and time. A message is a ReadRequest or asks for the next part, and each is
// answered with a part of the answer.

import { type MessagePort, parentPort } from 'node:worker_threads'
import { type AnswerPart, NEXT_PART, partsOf, type ReadRequest, readFrom } from './reading.js'

function answerOn(port: MessagePort): void {
  let parts: Iterator<AnswerPart, void>
  port.on('message', (asked: ReadRequest | typeof NEXT_PART) => {
    if (asked !== NEXT_PART) parts = partsOf(readFrom(asked))
    port.postMessage(parts.next().value)
  })
}

if (parentPort !== null) answerOn(parentPort)
