// Gives a running server other configurations: those of `apply`, and its own when it is read again. Files and
// documents are read in a thread; the short form is made here, since it is short.

import { type Configuration, diagnosticText } from '../config/index.js'
import type { World } from '../continuation/index.js'
import { ConfigError } from './address.js'
import type { FoundOut } from './check-configuration.js'
import {
  type ConfigurationDocument,
  type ConfigurationOrigin,
  type MadeConfiguration,
  madeOf,
  type Routing,
} from './origins.js'
import type { ProcessLog } from './process-log.js'
import { digestOf, type ReadSource } from './reading.js'
import { type Reading, Reloader } from './reloading.js'
import { type Applied, CLOSING, Superseded } from './served-configuration.js'

/** Is called when a reading has ended: `wrong` is the reason why the configuration stays. */
export type Reloaded = (wrong: Error | null) => void

/** A server, or a primary with its workers. */
export interface Reconfigured {
  readonly world: World
  readonly log: ProcessLog
  /** The configuration that serves. */
  readonly configuration: Configuration
  /** It takes another number of workers while it serves. */
  readonly takesWorkers?: boolean
  /** Has it serve another. `applied` is called once. */
  apply(configuration: Configuration, applied: Applied, foundOut: FoundOut): void
}

export class Reconfiguring {
  private readonly server: Reconfigured
  private readonly reloaded: Reloaded
  private readonly key: string
  private origin: ConfigurationOrigin
  /** The digest of the configuration that serves; '' if unknown. */
  private digest: string
  /** The digest of the newest configuration that is to serve; null if none is coming. */
  private coming: string | null = null
  /** The reader in a thread; null until one is needed. */
  private reloader: Reloader | null
  /** The number of configurations that were to serve. */
  private applications = 0
  private closing = false

  /**
   * @param watches true: the files are watched
   * @param key the key of digests, and of the digits that stand for secrets
   * @param reloaded is called when the origin was read again
   */
  constructor(
    server: Reconfigured,
    origin: ConfigurationOrigin,
    { configuration, contents }: MadeConfiguration,
    watches: boolean,
    key: string,
    reloaded: Reloaded,
  ) {
    this.server = server
    this.key = key
    this.origin = origin
    this.reloaded = reloaded
    const { source } = origin
    this.digest = source === null ? '' : digestOf(configuration, this.key)
    this.reloader =
      source !== null && watches
        ? new Reloader(
            server.world,
            this.key,
            { source, done: (reading) => this.readAgain(reading, false) },
            contents,
          )
        : null
  }

  /** Serves a changed configuration. Throws a ConfigError if the change is not one of this configuration. */
  apply(change: Routing | ConfigurationDocument, applied: Applied): void {
    const origin = this.origin.changed(change)
    const { source } = origin
    const done: Applied = (wrong) => {
      if (wrong === null) this.origin = origin
      applied(wrong)
    }
    if (source === null) this.make(origin, done)
    else
      this.order(source, (reading) => {
        // A function cannot be sent to a thread.
        if ('fault' in reading && reading.unsent === true) this.make(origin, done)
        else this.take(reading, done)
      })
  }

  /** Reads the origin again. */
  reload(): void {
    const { origin } = this
    const { source } = origin
    if (source !== null) {
      // A reading that has not begun will find everything that has changed by now, or belongs to
      // a newer document.
      if (this.reloader?.willRead !== true) this.order(source, (reading) => this.readAgain(reading, true))
      return
    }
    this.make(origin, this.reloaded, () => origin.checkReload())
  }

  close(): void {
    this.closing = true
    this.reloader?.cancel()
  }

  private order(source: ReadSource, done: (reading: Reading) => void): void {
    if (this.closing) {
      done({ fault: CLOSING })
      return
    }
    this.reloader ??= new Reloader(this.server.world, this.key, null, { paths: [], digest: '' })
    this.reloader.order({ source, done })
  }

  /** Makes the configuration here. @param check throws if it need not be made */
  private make(origin: ConfigurationOrigin, applied: Applied, check = () => {}): void {
    let made: MadeConfiguration
    try {
      check()
      made = origin.make()
    } catch (error) {
      applied(error as Error)
      return
    }
    this.serve(made, '', applied)
  }

  /** @param asked true: somebody waits for the outcome, even if nothing has changed */
  private readAgain(reading: Reading, asked: boolean): void {
    const { log } = this.server
    const answer = 'answer' in reading ? reading.answer : null
    if (answer?.configuration === null) {
      for (const each of answer.errors) log.tell('error', diagnosticText(each))
      this.reloaded(new ConfigError(`${nameOf(this.origin)} is wrong`))
    } else if (answer?.digest === (this.coming ?? this.digest)) {
      if (asked) log.tell('info', `${nameOf(this.origin)} was read again: nothing has changed`)
    } else this.take(reading, this.reloaded)
  }

  private take(reading: Reading, applied: Applied): void {
    if ('fault' in reading) {
      applied(new (reading.superseded === true ? Superseded : ConfigError)(reading.fault))
      return
    }
    const { answer } = reading
    for (const each of answer.warnings) this.server.log.tell('warn', diagnosticText(each))
    let made: MadeConfiguration
    try {
      made = madeOf(answer)
    } catch (error) {
      applied(error as Error)
      return
    }
    this.serve(made, answer.digest, applied)
  }

  private serve({ configuration, foundOut }: MadeConfiguration, digest: string, applied: Applied): void {
    const before = this.server.configuration
    this.coming = digest
    this.applications++
    const own = this.applications
    this.server.apply(
      configuration,
      (wrong) => {
        if (own === this.applications) this.coming = null
        if (wrong === null) {
          this.digest = digest
          const { log, takesWorkers = false } = this.server
          for (const each of unchanged(before, configuration, takesWorkers)) log.tell('warn', each)
        }
        applied(wrong)
      },
      foundOut,
    )
  }
}

const nameOf = ({ source }: ConfigurationOrigin): string =>
  source !== null && 'file' in source ? source.file : 'the configuration'

/** The settings that take effect only at the start. */
const AT_START = ['limits', 'debug', 'admin', 'probes', 'workers'] as const
type AtStart = (typeof AT_START)[number]

/** Returns a line for each change that takes effect at the next start only. */
function unchanged(before: Configuration, after: Configuration, takesWorkers: boolean): string[] {
  const differs = (name: AtStart): boolean =>
    !(takesWorkers && name === 'workers') && JSON.stringify(before[name]) !== JSON.stringify(after[name])
  return AT_START.filter(differs).map(
    (name) => `${name} has changed: this takes effect when the server starts again`,
  )
}
