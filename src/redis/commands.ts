// The facts about each command: the generated table, and the proxy's treatment, which is written by hand
// (spec/redis.md, Classes). A name is found by its bytes, in any case, without a string.

import { COMMAND_ROWS } from './command-rows.js'

/**
 * The treatment of a command. `shared`: it goes to a session that many clients share. `alone`: it gets a
 * session alone, until its reply; `blocking`: the same, and it may wait for as long as it wants. `multi`,
 * `exec` (with DISCARD), `watch`, `unwatch`: transactions. `pinning`: it changes its connection, so its
 * client gets a session of its own up to its end. `identity`: AUTH, HELLO, SELECT. `local`: it is
 * answered here. `wait`: WAIT and WAITAOF. `admin`: it needs --allow-admin, then is `alone`;
 * `replication`: then is `pinning`. `http`: a client of HTTP, whose connection ends; `malformed`: so does
 * that of input that is not a command.
 */
export type Kind =
  | 'shared'
  | 'alone'
  | 'blocking'
  | 'multi'
  | 'exec'
  | 'watch'
  | 'unwatch'
  | 'pinning'
  | 'identity'
  | 'local'
  | 'wait'
  | 'admin'
  | 'replication'
  | 'http'
  | 'malformed'

/** The commands of each kind that is not found in the generated table. */
export const KINDS: Readonly<Partial<Record<Kind, string>>> = {
  multi: 'multi',
  exec: 'exec discard',
  watch: 'watch',
  unwatch: 'unwatch',
  pinning:
    'subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe monitor client|tracking client|caching client|reply client|no-evict client|no-touch readonly readwrite asking script|debug',
  identity: 'auth hello select',
  local: 'quit reset client|id client|setname client|getname client|setinfo',
  alone: 'client|kill client|pause client|unpause client|unblock script|kill function|kill',
  wait: 'wait waitaof',
  admin: 'debug shutdown replicaof slaveof failover',
  replication: 'sync psync replconf',
  http: 'post host:',
}

const kindOf: ReadonlyMap<string, Kind> = new Map(
  Object.entries(KINDS).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind as Kind])),
)

/**
 * The places of keys: an index or a keyword marks their beginning, and a range or a number
 * tells which they are.
 */
export interface KeySpec {
  /** The index of the argument at which they begin; 0 if `keyword` tells. */
  readonly index: number
  readonly keyword: string
  /** The argument from which on the keyword is looked for: negative from the end. */
  readonly from: number
  /** True if the number of keys is itself an argument. */
  readonly counted: boolean
  readonly last: number
  readonly step: number
  readonly limit: number
  readonly unknown: boolean
}

export interface CommandInfo {
  /** Its number. */
  readonly index: number
  /** Its name in small letters; that of a subcommand is `client|id`. */
  readonly name: string
  readonly kind: Kind
  readonly readonly: boolean
  /** Its name is followed by that of a subcommand. */
  readonly contains: boolean
  readonly keys: readonly KeySpec[]
  /** It may name several. */
  readonly severalKeys: boolean
  readonly policies: readonly string[]
}

function keySpecOf(text: string): KeySpec {
  const words = text.split(' ')
  const keyword = words[0] === 'keyword'
  const rest = words.slice(keyword ? 3 : 2)
  const [first, second, third] = rest.slice(1).map(Number)
  return {
    index: words[0] === 'index' ? Number(words[1]) : 0,
    keyword: keyword ? words[1] : '',
    from: keyword ? Number(words[2]) : 0,
    counted: rest[0] === 'keynum',
    last: first ?? 0,
    step: rest[0] === 'keynum' ? (third ?? 1) : (second ?? 1),
    limit: rest[0] === 'keynum' ? (second ?? 1) : (third ?? 0),
    unknown: words[0] === 'unknown' || rest[0] === 'unknown',
  }
}

const words = (cell: string): readonly string[] => (cell === '-' ? [] : cell.split(' '))

function infoOf(row: string, index: number, names: ReadonlySet<string>): CommandInfo {
  const [name, , flagsCell, keysCell, policies] = row.split(' | ')
  const flags = words(flagsCell)
  // XREAD and XREADGROUP block only if they say so.
  const blocks = flags.includes('blocking') && !name.startsWith('xread')
  const keys = keysCell === '-' ? [] : keysCell.split(', ').map(keySpecOf)
  const kind = kindOf.get(name) ?? (blocks ? 'blocking' : 'shared')
  return {
    index,
    name,
    kind,
    readonly: flags.includes('readonly'),
    contains: names.has(`${name}|`),
    keys,
    severalKeys: keys.length > 1 || keys.some(({ counted, last }) => counted || last !== 0),
    policies: words(policies),
  }
}

function tableOf(): readonly CommandInfo[] {
  const rows = COMMAND_ROWS.trim().split('\n')
  const names = new Set(rows.map((row) => row.split(' | ')[0]))
  const containers = new Set(
    [...names].filter((name) => name.includes('|')).map((name) => name.split('|')[0]),
  )
  // Names of newer servers, and of other protocols, which the generated table does not have.
  const more = [...kindOf.keys()].filter((name) => !names.has(name))
  return [...rows, ...more.map((name) => `${name} | -1 | - | - | -`)].map((row, index) =>
    infoOf(row, index, new Set([...containers].map((each) => `${each}|`))),
  )
}

export const COMMANDS = tableOf()

/** No command of this name is known. */
export const UNKNOWN: CommandInfo = {
  index: -1,
  name: '?',
  kind: 'pinning',
  readonly: false,
  contains: false,
  keys: [],
  severalKeys: false,
  policies: [],
}

const SLOTS = 2048
const slots = new Int32Array(SLOTS).fill(-1)
const nameBytes = COMMANDS.map(({ name }) => Buffer.from(name, 'latin1'))
const NAME_BYTES_MAX = Math.max(...nameBytes.map((each) => each.length))

const fold = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)

function hashOf(hash: number, bytes: Buffer, from: number, to: number): number {
  let h = hash
  for (let i = from; i < to; i++) h = Math.imul(h ^ fold(bytes[i]), 0x01000193)
  return h
}

const slotOf = (hash: number): number => (hash ^ (hash >>> 15)) & (SLOTS - 1)
const HASH_SEED = 0x811c9dc5 | 0
const BAR = 0x7c

for (const [index, bytes] of nameBytes.entries()) {
  let slot = slotOf(hashOf(HASH_SEED, bytes, 0, bytes.length))
  while (slots[slot] >= 0) slot = (slot + 1) & (SLOTS - 1)
  slots[slot] = index
}

/** Returns true if these bytes, in any case, are `name` from `at` on. */
function sameFrom(name: Buffer, at: number, bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (fold(bytes[i]) !== name[at + i - from]) return false
  return true
}

/** Returns the command of this name. */
export function commandNamed(bytes: Buffer, from: number, to: number): CommandInfo {
  if (to - from > NAME_BYTES_MAX) return UNKNOWN
  for (
    let slot = slotOf(hashOf(HASH_SEED, bytes, from, to));
    slots[slot] >= 0;
    slot = (slot + 1) & (SLOTS - 1)
  ) {
    const name = nameBytes[slots[slot]]
    if (name.length === to - from && sameFrom(name, 0, bytes, from, to)) return COMMANDS[slots[slot]]
  }
  return UNKNOWN
}

/** Returns the subcommand of this name; the command that contains it, if that has no such subcommand. */
export function subcommandNamed(
  container: CommandInfo,
  bytes: Buffer,
  from: number,
  to: number,
): CommandInfo {
  const before = nameBytes[container.index]
  if (before.length + 1 + to - from > NAME_BYTES_MAX) return container
  const hash = hashOf(
    Math.imul(hashOf(HASH_SEED, before, 0, before.length) ^ BAR, 0x01000193),
    bytes,
    from,
    to,
  )
  for (let slot = slotOf(hash); slots[slot] >= 0; slot = (slot + 1) & (SLOTS - 1)) {
    const name = nameBytes[slots[slot]]
    if (name.length !== before.length + 1 + to - from || name[before.length] !== BAR) continue
    if (sameFrom(name, before.length + 1, bytes, from, to) && before.equals(name.subarray(0, before.length)))
      return COMMANDS[slots[slot]]
  }
  return container
}
