// The limits of this room: names, defaults, units. Only server/ knows files and options.

export interface RedisLimits {
  /** The number of clients. One more is closed as it comes. Each worker counts its own. */
  readonly clientsMax: number
  /** The number of commands of one client that are not answered. Past it the client is read no further. */
  readonly commandsMax: number
  /**
   * The bytes of a command that is kept until it is whole, and goes to a shared session. A larger one
   * passes as it comes, on a session alone.
   */
  readonly shareBytesMax: number
  /** The bytes of one argument. */
  readonly bulkBytesMax: number
  /**
   * The number of commands on a shared session that are not answered. Past it a client without commands is
   * read no further.
   */
  readonly depth: number
  /**
   * The time in which a server that is near answers, in ms. While it answers, further commands of its shared
   * session are gathered, and leave in one write. 0: none are.
   */
  readonly gatherMs: number
  /**
   * The number of shared sessions of an identity; each client uses one of them. Each worker counts its own.
   */
  readonly sharedSessions: number
  /**
   * The number of sessions of an identity that one client each has alone. Each worker counts its own.
   */
  readonly exclusiveMax: number
  /** The time that a session is kept without commands, in ms. */
  readonly backendIdleMs: number
  /**
   * The number of identities: user, database, RESP version. One more is refused. Each worker counts its own.
   */
  readonly identitiesMax: number
  /** The time that a command waits for a session, in ms. */
  readonly leaseMs: number
  /** The time that a command waits for its reply, in ms; for a command that blocks there is none. */
  readonly commandMs: number
  /** The age of the oldest command without a reply at which a late one ends its shared session, in ms. */
  readonly sessionStallMs: number
  /** The bytes of replies that wait for a client. Past it the client is read no further. */
  readonly clientWaitingBytes: number
  /** The bytes of commands that are kept while none may be begun. Past it the client is read no further. */
  readonly clientAheadBytes: number
  /** The bytes of replies that wait for a client past which it is closed. */
  readonly clientHeldBytesMax: number
  /**
   * The bytes of a reply, and of replies that wait for a client, past which their session is shared no
   * longer: it serves that client only.
   */
  readonly shareReplyBytesMax: number
  /**
   * The time in which a client must take what is in the way of other clients, and in which it must take
   * some of a long reply, in ms.
   */
  readonly slowReaderMs: number
  /** The bytes of commands that wait for a backend. Past it, its session is granted to no more commands. */
  readonly sessionWaitingBytes: number
  /** The bytes of a command that are kept while it is sent: it can be sent again, and people see its keys. */
  readonly retryBytesMax: number
  /** The number of nodes of a cluster. More of them are not used. */
  readonly clusterNodesMax: number
  /** The shortest time between two questions to a cluster about its slots, in ms. */
  readonly clusterLeastMs: number
  /** The longest time between two questions to a cluster about its slots, in ms. */
  readonly clusterEveryMs: number
  /** The time in which a node must answer which slots the nodes of its cluster have, in ms. */
  readonly clusterAnswerMs: number
  /** The bytes of that answer. */
  readonly clusterReplyBytesMax: number
  /**
   * The bytes of one client's commands to a cluster that are not answered. Past it the client is read no
   * further.
   */
  readonly clusterHeldBytes: number
  /** The number of times that a command follows its keys to another node of a cluster. */
  readonly redirectsMax: number
  /** The time after which a command is sent again whose keys are just moving, in ms. */
  readonly tryAgainMs: number
  /**
   * The failed calls of a store in a row after which it is left alone. No more calls may wait for longer than
   * half of their time.
   */
  readonly storeFailuresMax: number
  /** The time from one question whether a store that is left alone answers again to the next, in ms. */
  readonly storePauseMs: number
  /** The time in which a store must answer that question, in ms. */
  readonly storeProbeMs: number
  /** The bytes of a reply of a store. A longer one is none. */
  readonly storeReplyBytesMax: number
  /** The time for which a reader asks for entries of a stream that has none, in ms. Then it asks again. */
  readonly streamBlockMs: number
  /** The longest time for which a client that is closed may send more, which is not read, in ms. */
  readonly clientLingerMs: number
  /** The time of a TLS handshake of a client, in ms. */
  readonly handshakeMs: number
}

const KIB = 1024

export const redisLimits: RedisLimits = {
  clientsMax: 10_000,
  commandsMax: 1_024,
  shareBytesMax: 128 * KIB,
  bulkBytesMax: 512 * KIB * KIB,
  depth: 2_048,
  gatherMs: 0.5,
  sharedSessions: 1,
  exclusiveMax: 10_000,
  backendIdleMs: 60_000,
  identitiesMax: 1_000,
  leaseMs: 10_000,
  commandMs: 60_000,
  sessionStallMs: 120_000,
  clientWaitingBytes: 1_024 * KIB,
  clientAheadBytes: 1_024 * KIB,
  clientHeldBytesMax: 64 * KIB * KIB,
  shareReplyBytesMax: 4_096 * KIB,
  slowReaderMs: 10_000,
  sessionWaitingBytes: 1_024 * KIB,
  retryBytesMax: 1_024,
  clusterNodesMax: 1_000,
  clusterLeastMs: 1_000,
  clusterEveryMs: 60_000,
  clusterAnswerMs: 2_000,
  clusterReplyBytesMax: 4_096 * KIB,
  clusterHeldBytes: 1_024 * KIB,
  redirectsMax: 8,
  tryAgainMs: 50,
  storeFailuresMax: 5,
  storePauseMs: 1_000,
  storeProbeMs: 500,
  storeReplyBytesMax: 1_024 * KIB,
  streamBlockMs: 10_000,
  clientLingerMs: 10_000,
  handshakeMs: 10_000,
}
