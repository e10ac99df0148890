// Reads configurations in a thread of its own: YAML of 200 KB takes longer than a turn may. Whoever starts
// the thread bounds its memory and time. A message is a ReadRequest, and each is answered with a ReadAnswer.

import { parentPort } from 'node:worker_threads'
import { type ReadOptions, type ReadResult, readConfiguration } from '../config/index.js'
import { checked } from './check-configuration.js'

export interface ReadRequest {
  /** Returned with the answer. */
  readonly id: number
  readonly file: string
  readonly options: ReadOptions
}

export interface ReadAnswer {
  readonly id: number
  readonly result: ReadResult
}

parentPort?.on('message', ({ id, file, options }: ReadRequest) => {
  const answer: ReadAnswer = { id, result: checked(readConfiguration(file, options)) }
  parentPort?.postMessage(answer)
})
