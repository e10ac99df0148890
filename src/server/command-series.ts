// The metrics of commands of Redis (spec/metrics.md). The series of a command are looked up once for each
// listener. The names of commands are those of the table: others are one.

import type { Engine } from '../engine/index.js'
import { type Counter, type Family, type Histogram, type Metrics, OTHER } from '../metrics/index.js'
import { Command, type CommandWatcher, type RedisProxy, type RedisSession } from '../redis/index.js'
import type { Server } from './server.js'

/** The seconds of a command: most take less than a ms. */
const COMMAND_SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10] as const

/** The series of a command of a listener. */
interface CommandCounts {
  readonly seconds: Histogram
  readonly byOutcome: Map<string, Counter>
}

/** Returns the server of an engine. The name of an engine has that of a user too, which its client chose. */
export const serverOf = ({ name }: Engine<RedisSession>): string => name.slice(0, name.indexOf(' '))

export class CommandSeries implements CommandWatcher {
  private readonly counts: Family<Counter>
  private readonly seconds: Family<Histogram>
  /** By the number of the command. */
  private byProxy = new WeakMap<RedisProxy, (CommandCounts | undefined)[]>()

  constructor(all: Metrics, server: Server) {
    this.counts = all.counter(
      'fermata_commands_total',
      'Commands of Redis that have ended.',
      'listener',
      'backend',
      'command',
      'outcome',
    )
    this.seconds = all.histogram(
      'fermata_command_duration_seconds',
      'Time from the end of a command to its whole reply.',
      COMMAND_SECONDS,
      'command',
    )
    all.collected(
      'gauge',
      'fermata_commands',
      'Commands of Redis in flight, by the step that they wait in.',
      ['step'],
      (add) => {
        for (const each of server.world.scheduler.alive()) if (each instanceof Command) add(1, each.stepName)
      },
    )
    all.collected(
      'gauge',
      'fermata_relays',
      'Clients of Redis that have taken over a session.',
      [],
      (add) => {
        let relays = 0
        for (const { place } of server.redis.clients()) if (place.relay !== null) relays++
        add(relays)
      },
    )
  }

  ended(c: Command): void {
    const { proxy } = c.frontend
    let all = this.byProxy.get(proxy)
    if (all === undefined) {
      all = []
      this.byProxy.set(proxy, all)
    }
    const at = c.info.index + 1
    const name = c.info.index < 0 ? OTHER : c.info.name.replace('|', ' ')
    let counts = all[at]
    if (counts === undefined) {
      counts = { seconds: this.seconds.of(name), byOutcome: new Map() }
      all[at] = counts
    }
    const { outcome } = c
    let counter = counts.byOutcome.get(outcome)
    if (counter === undefined) {
      counter = this.counts.of(proxy.name, proxy.options.backend.name, name, outcome)
      counts.byOutcome.set(outcome, counter)
    }
    counter.add()
    counts.seconds.observe((proxy.world.pollset.now - c.receivedAt) / 1_000)
  }

  /** Looks all up again, since series were removed, or a listener has another backend. */
  forget(): void {
    this.byProxy = new WeakMap()
  }
}
