// Shows commands of Redis to ps, why, top and the debugger, and does their acts. Of the arguments of a
// command only the keys are shown.

import type { Continuation, Program } from '../continuation/index.js'
import type { Link, Moment, Row, Scope, Vocabulary } from '../debugger/index.js'
import type { Engine } from '../engine/index.js'
import { formatAddress } from '../pollset/index.js'
import { Command, commandSteps, type RedisFrontend, type RedisSession, shownKeys } from '../redis/index.js'
import type { RedisService } from './redis-service.js'
import {
  type ClientRow,
  connectionLabel,
  cut,
  describedAll,
  type RequestKind,
  type SharedEngine,
  variablesOf,
  waitingRow,
  waitsScope,
} from './request-kind.js'

/** The keys of a command that are shown. */
const KEYS_SHOWN = 10
/** The bytes of a command that a debugger is shown if it may see secrets. */
const BYTES_SHOWN = 1024

/** Returns the function that hides a shown key. */
export type KeyHiding = () => (key: string) => string

const commandOf = ({ continuation }: Moment): Command | null =>
  continuation instanceof Command ? continuation : null

/** The name of a command as people write it: `client id`. */
const nameOf = ({ info }: Command): string => info.name.replace('|', ' ')

function keysOf(c: Command, hiding: KeyHiding): string {
  const { keys, more } = shownKeys(c, KEYS_SHOWN)
  return cut([...keys.map(hiding()), ...(more ? ['…'] : [])].join(' '))
}

/** The session that it has, or is granted. */
const sessionOf = (c: Command): RedisSession | null => c.session ?? c.lease.session

const endpointOf = (c: Command): string | null =>
  sessionOf(c)?.identity.endpoint.name ?? c.engine?.name.replace(/ .*/, '') ?? null

function vocabularyOf(redis: RedisService, hiding: KeyHiding): Vocabulary<Moment> {
  const text = (about: string, read: (c: Command) => string | null) => ({
    type: 'string' as const,
    about,
    read: (moment: Moment): string | null => {
      const c = commandOf(moment)
      return c === null ? null : read(c)
    },
  })
  return {
    'command.name': text('the name of a command of Redis, as client id', nameOf),
    'command.keys': text('its keys, the first ten, with spaces between', (c) => keysOf(c, hiding)),
    'command.kind': text('what becomes of it: shared, blocking, pinning …', (c) => c.does),
    'command.identity': text('who its client is, as user@db0', (c) => c.frontend.place.seats.name),
    'source.address': text('the address of the client', ({ frontend }) =>
      formatAddress(redis.addressOf(frontend)),
    ),
    'backend.name': text('the URL of the backend', endpointOf),
    'fault.code': text('why it is refused, or why the last attempt failed', (c) => c.lease.fault?.code ?? ''),
    age: {
      type: 'double',
      about: 'ms since it came',
      read: (moment) => {
        const c = commandOf(moment)
        return c === null ? null : c.frontend.proxy.world.pollset.now - c.receivedAt
      },
    },
    attempts: {
      type: 'int',
      about: 'how often it was sent',
      read: (moment) => commandOf(moment)?.attempts ?? null,
    },
  }
}

/** The common part of commands and relays: the clients of Redis. */
export abstract class RedisKind<C extends Continuation> implements RequestKind<C> {
  abstract readonly vocabulary: Vocabulary<Moment>
  abstract readonly lives: readonly Program<never>[]
  protected readonly redis: RedisService

  constructor(redis: RedisService) {
    this.redis = redis
  }

  abstract takes(continuation: Continuation): continuation is C
  abstract row(request: C): Row
  abstract scopes(request: C, secrets: boolean, waiters: readonly string[]): readonly Scope[]
  abstract keyOf(request: C, by: 'age' | 'held' | 'path'): number | string
  abstract heldBytesOf(request: C): number
  abstract leasedOf(request: C): SharedEngine | null
  abstract waitersOn(request: C): readonly string[]
  abstract end(request: C): void
  abstract clientOf(request: C): RedisFrontend
  abstract sessionOf(request: C): RedisSession | null
  abstract engineOf(request: C): Engine<RedisSession> | null

  chain(request: C): readonly Link[] {
    const client = this.clientOf(request)
    const engine = this.engineOf(request)
    const session = this.sessionOf(request)
    return [
      { label: connectionLabel('client connection', client), subject: client },
      ...(engine === null ? [] : [{ label: `engine ${engine.id} · ${engine.name}`, subject: engine }]),
      ...(session === null
        ? []
        : [{ label: connectionLabel('backend connection', session), subject: session }]),
    ]
  }

  set(request: C, name: string): string | null {
    return `'${name}' may not be changed: ${request.id} is of Redis`
  }

  answer(request: C): string | null {
    return `${request.id} is of Redis, and has no status: end it, and its client gets an error`
  }

  clients(): Iterable<RedisFrontend> {
    return this.redis.clients()
  }

  get openClients(): number {
    return this.redis.size
  }

  describeClient(client: RedisFrontend): ClientRow | null {
    if (client.finished) return null
    return { id: client.id, address: formatAddress(this.redis.addressOf(client)), protocol: 'redis' }
  }

  *engines(): Iterable<Engine<RedisSession> | null> {
    for (const backend of this.redis.allBackends()) {
      yield* backend.engines()
      yield null
    }
  }
}

export class CommandTarget extends RedisKind<Command> {
  readonly vocabulary: Vocabulary<Moment>
  readonly lives = [commandSteps as Program<never>]
  private readonly hiding: KeyHiding

  constructor(redis: RedisService, hiding: KeyHiding) {
    super(redis)
    this.hiding = hiding
    this.vocabulary = vocabularyOf(redis, hiding)
  }

  takes(c: Continuation): c is Command {
    return c instanceof Command
  }

  row(c: Command): Row {
    const { frontend, division } = c
    const { now } = frontend.proxy.world.pollset
    const parts =
      division === null ? '' : ` (${division.gather.size} of ${division.size} parts have not ended)`
    return {
      ...waitingRow(c, now),
      method: nameOf(c).toUpperCase(),
      host: frontend.place.seats.name,
      path: `${keysOf(c, this.hiding)}${parts}`,
      ageMs: now - c.receivedAt,
      heldBytes: this.heldBytesOf(c),
      client: frontend.id,
      clientAddress: formatAddress(this.redis.addressOf(frontend)),
      backend: sessionOf(c)?.id ?? null,
      engine: c.engine?.id ?? null,
      status: 0,
    }
  }

  scopes(c: Command, secrets: boolean, waiters: readonly string[]): readonly Scope[] {
    const { frontend, buffer, start, end } = c
    const row = this.row(c)
    const command = {
      name: nameOf(c),
      keys: row.path,
      kind: c.does,
      identity: row.host,
      bytes: end - start,
      ...(secrets && buffer !== null
        ? { command: buffer.toString('utf8', start, Math.min(end, start + BYTES_SHOWN)) }
        : {}),
    }
    const more = {
      attempts: c.attempts,
      fault: c.lease.fault?.code ?? '-',
      backend: endpointOf(c) ?? '-',
      replies: c.received,
    }
    return [
      { name: 'Command', expensive: false, variables: variablesOf(command) },
      waitsScope(row, more, waiters),
      ...describedAll([
        ['Client connection', frontend],
        ['Backend connection', sessionOf(c)],
        ['Engine', c.engine],
      ]),
    ]
  }

  keyOf(c: Command, by: 'age' | 'held' | 'path'): number | string {
    if (by === 'age') return c.receivedAt
    return by === 'held' ? -this.heldBytesOf(c) : keysOf(c, this.hiding)
  }

  heldBytesOf({ answer, buffer, start, end }: Command): number {
    return answer.heldBytes + (buffer === null ? 0 : end - start)
  }

  leasedOf(c: Command): Engine<RedisSession> | null {
    const session = sessionOf(c)
    // One that it shares, and that it was sent on, is free when the reply comes, held or not.
    if (session === null || (c.lease.session === null && session.owner === null)) return null
    return this.engineOf(c)
  }

  waitersOn(c: Command): readonly string[] {
    const { frontend } = c
    const behind = frontend.ring.behind(c)
    return behind === 0
      ? []
      : [`${behind} behind it on ${frontend.id} ${behind === 1 ? 'waits' : 'wait'} for its reply`]
  }

  end(c: Command): void {
    c.terminate()
  }

  clientOf(c: Command): RedisFrontend {
    return c.frontend
  }

  sessionOf(c: Command): RedisSession | null {
    return sessionOf(c)
  }

  engineOf(c: Command): Engine<RedisSession> | null {
    const session = sessionOf(c)
    if (session === null) return c.engine
    return session.identity.engines().find(({ sessions }) => sessions.includes(session)) ?? c.engine
  }
}
