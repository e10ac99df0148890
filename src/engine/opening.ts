// Sessions made in two stages: a connection, then the session on it. The engine sees one opening, from the
// start of the first stage until the session opens or either stage fails.

import type { Fault } from '../continuation/index.js'
import type { Session, SessionFactory, SessionReports } from './session.js'

/** A session that is being opened. It carries no leases yet. */
export interface Opening {
  readonly id: string
  /** Ends it. It is then reported as unopened, or its session as closed. */
  close(): void
}

/** Is called once, when the first stage ends. */
export interface ConnectEvents<C> {
  connected(connection: C): void
  failed(why: Fault): void
}

/** The first stage while it runs. It must not report before it has been returned. */
export interface ConnectAttempt {
  readonly id: string
  cancel(): void
}

/**
 * Makes a session on the connection of `attempt`. The session must not report before it has been returned.
 */
export type SessionOnConnection<S extends Session, C, A extends ConnectAttempt> = (
  connection: C,
  reports: SessionReports<S>,
  attempt: A,
) => S

class StagedOpening<S extends Session, C, A extends ConnectAttempt> implements Opening, ConnectEvents<C> {
  private readonly connecting: A
  private session: S | null = null
  private readonly reports: SessionReports<S>
  private readonly sessionOn: SessionOnConnection<S, C, A>

  constructor(
    connect: (events: ConnectEvents<C>) => A,
    sessionOn: SessionOnConnection<S, C, A>,
    reports: SessionReports<S>,
  ) {
    this.reports = reports
    this.sessionOn = sessionOn
    this.connecting = connect(this)
  }

  get id(): string {
    return this.session?.id ?? this.connecting.id
  }

  connected(connection: C): void {
    this.session = this.sessionOn(connection, this.reports, this.connecting)
    this.session.openedBy = this
  }

  failed(why: Fault): void {
    this.reports.unopened(this, why)
  }

  close(): void {
    if (this.session === null) this.connecting.cancel()
    else this.session.close()
  }
}

/**
 * Makes a factory that opens each session on a connection of its own.
 * @param connect begins a connection
 */
export const sessionsOn =
  <S extends Session, C, A extends ConnectAttempt>(
    connect: (events: ConnectEvents<C>) => A,
    sessionOn: SessionOnConnection<S, C, A>,
  ): SessionFactory<S> =>
  (reports) =>
    new StagedOpening(connect, sessionOn, reports)
