// The limits of workers, with reasons. Times are in ms.

export interface WorkersLimits {
  /** The time in which a worker must serve after its start. Then it is ended. */
  readonly startMs: number
  /** The time until a worker that has died is replaced. It doubles with each death soon after a start. */
  readonly backOffMs: number
  /** The longest of these times. */
  readonly backOffMaxMs: number
  /** A worker that has served for this time was sound: if it dies, it is replaced after the first time. */
  readonly soundMs: number
  /** The times that each worker may fail to start while none has ever served. Then the program ends. */
  readonly startsMax: number
  /** The time in which all workers must have prepared a changed configuration. */
  readonly prepareMs: number
  /** The time in which a worker must answer a question. The answer is made without it then. */
  readonly answerMs: number
  /** The number of questions that wait for their answers. One more is answered at once, without workers. */
  readonly questionsMax: number
  /** The number of accepted connections that wait for a worker. One more is closed. */
  readonly connectionsWaitingMax: number
}

export const workersLimits: WorkersLimits = {
  startMs: 30_000,
  backOffMs: 100,
  backOffMaxMs: 10_000,
  soundMs: 10_000,
  startsMax: 3,
  prepareMs: 60_000,
  answerMs: 3_000,
  questionsMax: 256,
  connectionsWaitingMax: 4_096,
}
