// Shows relays to ps, why, top and the debugger, and does their acts. Relays are clients of Redis that have
// taken over a session, as by SUBSCRIBE. Their bytes pass as they come, so the connection is shown instead
// of commands.

import type { Continuation } from '../continuation/index.js'
import type { Moment, Row, Scope, Vocabulary } from '../debugger/index.js'
import type { Engine } from '../engine/index.js'
import { formatAddress } from '../pollset/index.js'
import { RedisFrontend, type RedisSession } from '../redis/index.js'
import { RedisKind } from './command-target.js'
import { describedAll, type SharedEngine, waitingRow, waitsScope } from './request-kind.js'

const relayOf = ({ continuation }: Moment): RedisFrontend | null =>
  continuation instanceof RedisFrontend && continuation.place.relay !== null ? continuation : null

export class RelayTarget extends RedisKind<RedisFrontend> {
  readonly lives = []
  readonly vocabulary: Vocabulary<Moment> = {
    'command.name': {
      type: 'string',
      about: 'the name of a command of Redis, as client id',
      read: (moment) => relayOf(moment)?.place.relayed.by.replace('|', ' ') ?? null,
    },
    'command.kind': {
      type: 'string',
      about: 'what becomes of it: shared, blocking, pinning …',
      read: (moment) => (relayOf(moment) === null ? null : 'relay'),
    },
    'source.address': {
      type: 'string',
      about: 'the address of the client',
      read: (moment) => {
        const client = relayOf(moment)
        return client === null ? null : formatAddress(this.redis.addressOf(client))
      },
    },
    'backend.name': {
      type: 'string',
      about: 'the URL of the backend',
      read: (moment) => relayOf(moment)?.place.relay?.identity.endpoint.name ?? null,
    },
    age: {
      type: 'double',
      about: 'ms since it came',
      read: (moment) => {
        const client = relayOf(moment)
        return client === null ? null : this.ageOf(client)
      },
    },
  }

  takes(c: Continuation): c is RedisFrontend {
    return c instanceof RedisFrontend && c.place.relay !== null
  }

  private ageOf({ place, proxy }: RedisFrontend): number {
    return proxy.world.pollset.now - place.pinnedAt
  }

  row(c: RedisFrontend): Row {
    return {
      ...waitingRow(c, c.proxy.world.pollset.now),
      method: 'RELAY',
      host: c.place.seats.name,
      path: c.place.relayed.by.replace('|', ' '),
      ageMs: this.ageOf(c),
      heldBytes: this.heldBytesOf(c),
      client: c.id,
      clientAddress: formatAddress(this.redis.addressOf(c)),
      backend: c.place.relay?.id ?? null,
      engine: null,
      status: 0,
    }
  }

  scopes(c: RedisFrontend, _secrets: boolean, waiters: readonly string[]): readonly Scope[] {
    return [
      waitsScope(this.row(c), {}, waiters),
      ...describedAll([
        ['Client connection', c],
        ['Backend connection', c.place.relay],
      ]),
    ]
  }

  keyOf(c: RedisFrontend, by: 'age' | 'held' | 'path'): number | string {
    if (by === 'age') return c.place.pinnedAt
    return by === 'held' ? -this.heldBytesOf(c) : c.place.relayed.by
  }

  heldBytesOf({ output, place }: RedisFrontend): number {
    return output.waiting + (place.relay?.output.waiting ?? 0)
  }

  leasedOf(): SharedEngine | null {
    return null
  }

  waitersOn(): readonly string[] {
    return []
  }

  end(c: RedisFrontend): void {
    if (c.place.relay !== null) c.place.relayed.end(c.place.relay)
  }

  clientOf(c: RedisFrontend): RedisFrontend {
    return c
  }

  sessionOf(c: RedisFrontend): RedisSession | null {
    return c.place.relay
  }

  engineOf(c: RedisFrontend): Engine<RedisSession> | null {
    const { relay } = c.place
    return relay?.identity.engines().find(({ sessions }) => sessions.includes(relay)) ?? null
  }

  /** Commands tell of them. */
  override clients(): Iterable<RedisFrontend> {
    return []
  }

  override get openClients(): number {
    return 0
  }

  override *engines(): Iterable<Engine<RedisSession> | null> {}
}
