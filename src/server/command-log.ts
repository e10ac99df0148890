// The lines of commands of Redis, and of relays, in the access log (spec/access-log.md): which have one, and
// the values of their fields.

import { formatOf, type LineFormat, type LineValues, redactedKey } from '../access-log/index.js'
import {
  type AccessLogConfig,
  COMMAND_STEPS,
  commandFields,
  commandTimeNames,
  commandNumbers as number,
  commandTexts as text,
} from '../config/index.js'
import {
  Command,
  type CommandWatcher,
  type IdentityParts,
  isPlan,
  KeyReader,
  type RedisFrontend,
  userOf,
} from '../redis/index.js'
import type { RedisService } from './redis-service.js'

/** A command, or a client that has taken over a session. */
export type RedisEnd = Command | RedisFrontend

/** The source of commands. */
export type CommandSource = Pick<RedisService, 'watch' | 'unwatch' | 'measureSteps' | 'addressOf'>

/** Appends a line to the file, if there is one. */
type Append = (format: LineFormat<RedisEnd>, x: RedisEnd) => void

/** The combined log format, for commands: what reads it finds a request and a status. */
export const COMBINED_OF_COMMANDS =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of ours
  '${client} - ${user} [${time.clf}] "${command} ${keys} ${protocol}" ${status.clf} ${bytesOut} "-" "-"'

/** The keys of a command that are shown. */
const KEYS_SHOWN = 10

/** A status of HTTP for an outcome; all others are failures of the proxy or of its backend. */
const STATUS: Readonly<Record<string, number>> = { ok: 200, error: 400, 'client-left': 499 }
const BAD_GATEWAY = 502

const asItIs = (key: string): string => key

export class CommandLog implements CommandWatcher {
  private readonly redis: CommandSource
  private readonly append: Append
  private format: LineFormat<RedisEnd> | null = null
  private slowerThanMs = 0
  private isOn = false

  constructor(redis: CommandSource, append: Append) {
    this.redis = redis
    this.append = append
  }

  /** Takes a configuration; null: there is no log. */
  configure(config: AccessLogConfig | null): void {
    const isOn = config !== null
    if (config !== null) {
      const { format, fields, slowerThanMs } = config.commands
      const form = format === 'combined' ? { template: COMBINED_OF_COMMANDS } : format
      this.format = formatOf(fieldsOf(this.redis, config.redact.keys === 'ids'), form, fields)
      this.slowerThanMs = slowerThanMs
    }
    if (isOn === this.isOn) return
    this.isOn = isOn
    this.redis.measureSteps(isOn)
    if (isOn) this.redis.watch(this)
    else this.redis.unwatch(this)
  }

  ended(c: Command): void {
    if (this.format === null || ownMs(c) < this.slowerThanMs) return
    // It has passed to the session that its client has taken over: the relay has a line.
    if (c.sentTo?.relays === true && c.attempts === 0) return
    this.append(this.format, c)
  }

  relayEnded(client: RedisFrontend): void {
    if (this.format !== null) this.append(this.format, client)
  }
}

const nowOf = (x: RedisEnd): number =>
  x instanceof Command ? x.frontend.proxy.world.pollset.now : x.proxy.world.pollset.now

/** Returns the ms of a command, without those that it has asked to wait. */
function ownMs(c: Command): number {
  const isWanted = (c.does === 'blocking' || c.does === 'wait') && c.attempts > 0
  return (isWanted ? c.askedAt : nowOf(c)) - c.receivedAt
}

/** Makes the fields. @param hides true: what may be an id in a key is hidden */
export function fieldsOf(redis: CommandSource, hides: boolean) {
  const values = new CommandValues(redis, hides ? redactedKey : asItIs)
  return commandFields<RedisEnd>(
    (x, line) => values.read(x, line),
    ({ waitTimes }, step) => waitTimes?.at(step) ?? Number.NaN,
  )
}

/** Reads the values of a line. */
class CommandValues {
  private readonly redis: CommandSource
  private readonly hide: (key: string) => string
  private keys: KeyReader | null = null
  /** The user's name of the last line: most lines have the same. */
  private lastParts: IdentityParts | null = null
  private lastUser = ''
  private readonly steps = new Float64Array(commandTimeNames.length)

  constructor(redis: CommandSource, hide: (key: string) => string) {
    this.redis = redis
    this.hide = hide
  }

  read(x: RedisEnd, line: LineValues): void {
    if (x instanceof Command) this.readCommand(x, line)
    else this.readRelay(x, line)
  }

  private readCommand(c: Command, line: LineValues): void {
    const { texts, numbers, series, marks } = line
    const { frontend, sentTo, outcome, route } = c
    this.readClient(frontend, line, nowOf(c) - c.receivedAt, outcome)
    texts[text.letter] = 'c'
    texts[text.command] = c.info.name.replace('|', ' ')
    texts[text.kind] = c.does
    texts[text.keys] = this.keysOf(c)
    texts[text.endpoint] = sentTo?.identity.endpoint.name ?? ''
    texts[text.session] = sentTo?.id ?? ''
    numbers[number.id] = c.number
    numbers[number.attempts] = c.attempts > 1 ? c.attempts : Number.NaN
    numbers[number.parts] = isPlan(route) ? route.parts.length : Number.NaN
    numbers[number.bytesIn] = c.bytesIn
    numbers[number.bytesOut] = c.answer.leavingBytes
    const { waitTimes } = c
    waitTimes?.put(this.steps)
    series[COMMAND_STEPS] = this.steps
    marks[COMMAND_STEPS] = waitTimes?.marks ?? 0
  }

  private readRelay(client: RedisFrontend, line: LineValues): void {
    const { texts, numbers, series } = line
    const { relay, relayed, pinnedAt } = client.place
    this.readClient(client, line, nowOf(client) - pinnedAt, relayed.outcome(client))
    texts[text.letter] = ''
    texts[text.command] = relayed.by.replace('|', ' ')
    texts[text.kind] = 'relay'
    texts[text.keys] = ''
    texts[text.endpoint] = relay?.identity.endpoint.name ?? ''
    texts[text.session] = relay?.id ?? ''
    numbers[number.id] = 0
    numbers[number.attempts] = Number.NaN
    numbers[number.parts] = Number.NaN
    numbers[number.bytesIn] = relay === null ? 0 : relayed.bytesIn(relay)
    numbers[number.bytesOut] = relayed.bytesOut(client)
    series[COMMAND_STEPS] = null
  }

  private readClient(
    client: RedisFrontend,
    { texts, numbers }: LineValues,
    ms: number,
    outcome: string,
  ): void {
    const { proxy, place } = client
    const { parts } = place.seats
    texts[text.owner] = client.id
    texts[text.client] = this.redis.addressOf(client).host
    texts[text.listener] = proxy.name
    texts[text.protocol] = parts.resp === 3 ? 'RESP3' : 'RESP2'
    texts[text.user] = this.userOf(parts)
    texts[text.outcome] = outcome
    texts[text.backend] = proxy.options.backend.name
    numbers[number.time] = proxy.world.pollset.wallTime() - ms
    numbers[number.db] = parts.db
    numbers[number.clfStatus] = STATUS[outcome] ?? BAD_GATEWAY
    numbers[number.ms] = ms
  }

  private userOf(parts: IdentityParts): string {
    if (parts !== this.lastParts) {
      this.lastParts = parts
      this.lastUser = userOf(parts)
    }
    return this.lastUser
  }

  private keysOf(c: Command): string {
    this.keys ??= new KeyReader(c.frontend.proxy.world)
    const { keys, more } = this.keys.keysOf(c, KEYS_SHOWN)
    if (keys.length === 1 && !more) return this.hide(keys[0])
    return [...keys.map(this.hide), ...(more ? ['...'] : [])].join(' ')
  }
}
