// A client of Redis: it pipelines commands, reads as fast as it likes, leaves when it likes, and checks each
// byte that it gets (S2): replies come in the order of its commands, and each is one that a server has made for
// that command, or an error of the proxy's own for which there is a reason.

import type { Prng, SimPeerSocket, SimPeerSocketOwner } from '../../../src/pollset/index.js'
import { fail } from '../checks/check.js'
import { ANONYMOUS, type Asked, type Identity, nameOf, type Run } from './books.js'
import { mergedFault } from './merged.js'
import { reasonFor } from './reasons.js'
import { MALFORMED, publisherOf, Script } from './script.js'
import type { RedisStage } from './stage.js'
import { commandOf, ReplyText, type Value } from './wire.js'

export class RedisClient implements SimPeerSocketOwner {
  readonly number: number
  private readonly stage: RedisStage
  private readonly far: SimPeerSocket
  private readonly chance: Prng
  private readonly script: Script
  private readonly input = new ReplyText()
  /** Commands that are to be sent. */
  private unsent: Asked[] = []
  /** Those that have no reply, the oldest first. */
  private readonly open: Asked[] = []
  /** Those of its transaction that are queued. */
  private queued: Asked[] | null = null
  private identity: Identity = ANONYMOUS
  private left: number
  private isGone = false
  private isSending = false
  /** It has sent FIN. */
  private hasEnded = false
  /** It has taken a session over, or tried: its connection ends with it. */
  private relays = false
  /** It has sent MULTI or WATCH. */
  private hasBegun = false
  /** It has sent what is malformed: nothing is read behind it. */
  private isOver = false
  /** It has asked to be told of keys that change. */
  private tracks = false
  /** It has sent FIN, since all was over. */
  private parts = false
  /** It has heard FIN behind that. */
  private hasParted = false
  /** By publisher: the number of the last message. */
  private readonly heard = new Map<number, number>()
  private readonly gone: (left: number) => void

  /** @param gone is called once, with the number of commands that it has not sent */
  constructor(
    stage: RedisStage,
    far: SimPeerSocket,
    chance: Prng,
    commands: number,
    gone: (left: number) => void,
  ) {
    const { plan, pollset, books } = stage
    this.stage = stage
    this.far = far
    this.chance = chance
    this.left = commands
    this.gone = gone
    this.number = books.client()
    this.script = new Script(plan, books, this.number, chance.fork())
    this.relays = plan.redisShare === 1
    far.owner = this
    if (chance.chance(plan.redisLeavePercent))
      pollset.after(chance.below(plan.runMs), () => {
        if (!stage.healed) this.leave()
      })
    this.writeSoon()
  }

  /** It waits for no reply, and has nothing to say. */
  get finished(): boolean {
    return (
      this.isGone ||
      (this.left === 0 && this.unsent.length === 0 && this.open.length === 0 && !this.isSending)
    )
  }

  get waitsFor(): string {
    return this.open[0]?.shown ?? 'nothing'
  }

  // Its commands

  private writeSoon(): void {
    const { plan, pollset } = this.stage
    pollset.after(this.chance.below(plan.paceMs + 1), () => this.write())
  }

  private write(): void {
    const { chance, open } = this
    const { plan } = this.stage
    if (this.isGone || this.hasEnded || this.isOver || this.isSending) return
    const most = plan.redisPipeline
    if (this.left === 0 && this.unsent.length === 0) return
    if (open.length >= most * 2) return
    const batch: Asked[] = []
    for (let count = chance.between(1, most); count > 0; count--) {
      if (this.unsent.length === 0 && this.left > 0) {
        this.left--
        this.unsent.push(...this.script.next())
      }
      const next = this.unsent.shift()
      if (next === undefined) break
      batch.push(next)
      if (next.sort === 'malformed') {
        this.isOver = true
        this.unsent = []
        this.left = 0
      }
    }
    this.send(batch)
  }

  private send(batch: readonly Asked[]): void {
    const { chance, stage } = this
    const { plan, pollset } = stage
    let text = ''
    for (const each of batch) {
      each.sentAt = pollset.clock
      stage.say(() => `client ${this.number} asks ${each.shown}`)
      this.open.push(each)
      if (each.sort === 'multi' || each.sort === 'watch') {
        this.hasBegun = true
        stage.books.begun.add(this.number)
      }
      // Within a transaction an identity is the server's affair.
      if (each.sort === 'identity' && this.hasBegun) this.relays = true
      if (each.sort === 'subscribe' || each.sort === 'unknown') this.relays = true
      if (each.sort === 'tracking') {
        this.relays = true
        this.tracks = true
      }
      text += this.bytesOf(each)
    }
    if (text.length > 1 && !stage.healed && chance.chance(plan.partialPercent)) {
      const cut = chance.between(1, text.length - 1)
      this.isSending = true
      this.far.send(Buffer.from(text.slice(0, cut), 'latin1'))
      pollset.after(chance.below(60), () => {
        this.isSending = false
        if (this.isGone || this.hasEnded) return
        this.far.send(Buffer.from(text.slice(cut), 'latin1'))
        this.writeSoon()
      })
    } else {
      this.far.send(Buffer.from(text, 'latin1'))
      this.writeSoon()
    }
    if (!stage.healed && chance.chance(plan.redisSlowReaderPercent)) this.rest()
  }

  private bytesOf({ sort, words }: Asked): string {
    if (sort === 'malformed') return MALFORMED[this.chance.below(MALFORMED.length)]
    // A line is a command too.
    const isLine = words.every((each) => /^[\w@.]+$/.test(each) && each.length < 100)
    return isLine && this.chance.chance(10) ? `${words.join(' ')}\r\n` : commandOf(words)
  }

  /** It does not read for a time. */
  private rest(): void {
    const { pollset, plan } = this.stage
    this.stage.tally('a client rests')
    this.far.read(false)
    pollset.after(this.chance.between(1, plan.redisRestMs), () => this.far.read(true))
  }

  private leave(): void {
    if (this.isGone || this.hasEnded) return
    if (this.chance.chance(50)) {
      this.stage.tally('a client resets')
      this.far.reset()
      this.closed()
    } else {
      this.stage.tally('a client ends')
      this.hasEnded = true
      this.unsent = []
      this.left = 0
      this.far.end()
    }
  }

  heal(): void {
    this.left = 0
    this.unsent = []
    this.far.read(true)
    // It cannot be reached.
    if (this.far.near.vanished) this.closed()
  }

  part(): void {
    if (this.isGone || this.hasEnded) return
    this.parts = true
    this.hasEnded = true
    this.far.end()
  }

  // Its socket

  ended(): void {
    const { stage } = this
    const first = this.open[0]
    if (!this.hasEnded && !this.relays && !this.isOver && first !== undefined && !stage.mayEnd(this.number))
      fail('Y15', `client ${this.number} is sent FIN, and waits for ${first.shown}`)
    if (this.isOver && !this.relays && first !== undefined && !stage.mayEnd(this.number))
      fail('Y4', `client ${this.number} is sent FIN before the reply to ${first.shown}`)
    this.far.end()
    this.hasParted = this.parts
    this.closed()
  }

  /** All is over. */
  over(): void {
    const { books, pollset } = this.stage
    const [missed] = books.invalidated[this.number]
    // The peers of some connections have vanished or died, with what was on its way to them.
    const loses = books.losing.has(this.number) || (pollset.done.vanish ?? 0) > 0
    if (missed !== undefined && this.hasParted && !loses)
      fail('Y11', `client ${this.number} was not told that ${missed} has changed`)
  }

  closed(): void {
    if (this.isGone) return
    this.isGone = true
    this.gone(this.left)
  }

  received(bytes: Uint8Array): void {
    this.stage.octets?.(bytes)
    this.input.add(bytes)
    for (;;) {
      const next = this.input.next()
      if (next === null) break
      if (typeof next === 'string') fail('S2', `client ${this.number} gets what is no reply: ${next}`)
      this.take(next)
    }
    this.write()
  }

  private take(value: Value): void {
    if (isMessage(value)) {
      this.message(value)
      return
    }
    if (value.type === '>' && value.items[0]?.text === 'invalidate') {
      this.invalidated(value.items[1]?.items[0]?.text ?? '')
      return
    }
    const asked = this.open.shift()
    this.stage.say(() => `client ${this.number} gets ${shownValue(value)} for ${asked?.shown}`)
    if (asked === undefined) fail('S2', `client ${this.number} gets a reply to nothing: ${shownValue(value)}`)
    if (asked.isAnswered) fail('S2', `${asked.shown} has two replies`)
    asked.isAnswered = true
    this.judge(asked, value)
  }

  /** Its server tells it that a key has changed. */
  private invalidated(key: string): void {
    const next = this.stage.books.invalidated[this.number].shift()
    if (!this.tracks || next !== key)
      fail('Y11', `client ${this.number} is told that ${key} has changed, and ${next ?? 'nothing'} is next`)
  }

  private message({ items }: Value): void {
    const [, channel, text] = items
    const by = publisherOf(text?.text ?? '')
    if (!this.relays || by === null)
      fail('S2', `client ${this.number} gets a message of ${channel?.text ?? ''}`)
    const [publisher, number] = by
    const last = this.heard.get(publisher) ?? -1
    const { isAnswered, hasFailed } = this.stage.books.at(publisher, number)
    // One that the proxy has given up may run whenever its server comes to it.
    if (number <= last && isAnswered && !hasFailed)
      fail('S8', `client ${this.number} gets message ${number} of ${publisher} behind ${last}`)
    this.heard.set(publisher, Math.max(number, last))
  }

  /** A reply to a command. */
  private judge(asked: Asked, value: Value): void {
    const { stage } = this
    if (stage.divides && isMerged(asked, value)) {
      const [fault, parts] = mergedFault(asked, value)
      if (fault !== '') fail('S2', `${asked.shown} gets ${shownValue(value)}: ${fault}`)
      for (const each of parts) this.judgeRun(asked, each)
      this.learn(asked, value)
      return
    }
    const runs = asked.replies.filter(({ raw }) => raw === value.raw)
    // A read may have run twice, and this is the reply of either.
    const run = runs.find((each) => passing(each) === '') ?? runs[0]
    if (run !== undefined) this.judgeRun(asked, run)
    else if (asked.redirects.has(value.raw)) {
      if (!this.relays) fail('Y27', `${asked.shown} gets ${shownValue(value)}`)
    } else if (!this.isShaped(asked, value)) {
      asked.hasFailed = true
      const why = value.type === '-' ? reasonFor(asked, value.text, stage) : 'no server has made it for this'
      if (why !== '') fail('S2', `${asked.shown} gets ${shownValue(value)}: ${why}`)
    }
    this.withinMulti(asked, value, run !== undefined)
    this.learn(asked, value)
  }

  private judgeRun(asked: Asked, run: Run): void {
    const { shards } = this.stage
    if (passing(run) !== '') fail('S8', `${asked.shown}: ${passing(run)}`)
    if (shards?.hasChanged === false && !this.relays)
      for (const key of run.keys)
        if (shards.ownerOf(key) !== run.server)
          fail('Y23', `${asked.shown} has run at ${run.server}, and ${key} is at ${shards.ownerOf(key)}`)
    if (
      asked.sort !== 'identity' &&
      asked.words[0] !== 'RESET' &&
      nameOf(run.identity) !== nameOf(this.identity)
    )
      fail('Y7', `${asked.shown} of ${nameOf(this.identity)} has run as ${nameOf(run.identity)}`)
  }

  /** Between MULTI and EXEC commands are queued, and nowhere else. */
  private withinMulti(asked: Asked, { type, text }: Value, hasRun: boolean): void {
    const isQueued = type === '+' && text.startsWith('QUEUED')
    if (isQueued && this.queued === null) fail('Y8', `${asked.shown} is queued, and there was no MULTI`)
    if (!isQueued && this.queued !== null && hasRun && type !== '-' && !ENDS.has(asked.sort))
      fail('Y8', `${asked.shown} has run between MULTI and EXEC`)
  }

  /** Returns true if it is a reply that carries no tag, and as it should be. */
  private isShaped({ sort, words }: Asked, value: Value): boolean {
    const { type, text, items } = value
    const isOk = type === '+' && text === 'OK'
    const isError = (begin: string): boolean => type === '-' && text.startsWith(begin)
    switch (sort) {
      case 'multi':
        return isOk || isError('ERR MULTI calls can not be nested')
      case 'watch':
        return isError('ERR WATCH inside MULTI')
      case 'discard':
        return isOk || isError('ERR DISCARD without MULTI')
      case 'unwatch':
        return isOk || (type === '+' && text === 'QUEUED ')
      case 'exec':
        return this.isExecuted(value)
      case 'identity':
        if (isError('WRONGPASS')) return words.includes('wrong')
        if (isError('ERR SELECT is not allowed in cluster mode')) return this.stage.cluster !== null
        return (
          isOk || type === '%' || (type === '*' && items[0]?.text === 'server') || text.startsWith('QUEUED')
        )
      case 'own':
        return isOk || (type === '+' && text === 'RESET')
      case 'subscribe':
        return (
          (type === '+' && text.startsWith('QUEUED')) ||
          (items[0]?.text === words[0].toLowerCase() && items[1]?.text === words[1])
        )
      case 'tracking':
        return isOk || isError('ERR Client tracking can be') || text.startsWith('QUEUED')
      case 'malformed':
        return isError('ERR Protocol error')
      case 'all':
        return type === ':' || (type === '+' && text.startsWith('QUEUED'))
      case 'disabled':
        if (isError('ERR This instance has cluster support disabled') || this.relays) return true
        if (type !== '-') fail('Y29', `client ${this.number} is answered ${words.join(' ')}`)
        return false
      default:
        return false
    }
  }

  private isExecuted({ type, text, items, raw }: Value): boolean {
    const queued = this.queued ?? []
    // A transaction of a client that has its session alone is its own affair.
    if (type === '-' && /^(MOVED|ASK|TRYAGAIN) /.test(text)) return this.relays
    if (type === '-') return text.startsWith('ERR EXEC without MULTI') || text.startsWith('EXECABORT ')
    if (type === '_' || raw === '*-1\r\n') return true
    if (items.length !== queued.length) return false
    return items.every((item, at) => {
      const { replies, tagged } = queued[at]
      return !tagged || replies.some(({ raw: made }) => made === item.raw)
    })
  }

  /** Notes the things that a reply tells it. */
  private learn(asked: Asked, { type, text, items }: Value): void {
    const { sort, words } = asked
    const isError = type === '-'
    const isQueued = text.startsWith('QUEUED')
    if (sort === 'exec') this.executed(items)
    if (sort === 'multi' && !isError) this.queued = []
    else if (sort === 'exec' || sort === 'discard') {
      // An ended command of a relay is replaced by one that no server knows (Y30): the transaction goes on.
      if (!isError || !text.startsWith('ERR unknown command')) this.queued = null
    } else if (type === '+' && isQueued) this.queued?.push(asked)
    if (isError || isQueued) return
    if (sort === 'own' && words[0] === 'RESET') {
      this.identity = ANONYMOUS
      this.queued = null
    } else this.become(asked)
  }

  private executed(items: readonly Value[]): void {
    for (const [at, { type }] of items.entries()) {
      const each = this.queued?.[at]
      if (each !== undefined && type !== '-') this.become(each)
    }
  }

  /** A server has agreed to this, if it changes who it is. */
  private become({ sort, words }: Asked): void {
    if (sort !== 'identity') return
    const [name, first] = words
    const at = words.indexOf('AUTH')
    if (words.includes('wrong')) return
    if (name === 'SELECT') this.identity = { ...this.identity, db: Number(first) }
    else if (at >= 0) this.identity = { ...this.identity, user: words[at + 1] }
    if (name === 'HELLO') this.identity = { ...this.identity, resp: first === '3' ? 3 : 2 }
  }
}

/** Returns what is wrong with the order of this run; ''. A write that was given up may run at any time. */
const passing = ({ passed, outOfOrder }: Run): string =>
  outOfOrder === '' && passed?.hasFailed === false
    ? `it is answered as if ${passed.shown} had not run before it`
    : outOfOrder

/** Its parts may have gone to several servers, and the reply be made of theirs. */
const isMerged = ({ sort }: Asked, { type, text }: Value): boolean =>
  sort === 'several' && type !== '-' && !text.startsWith('QUEUED')

const ENDS: ReadonlySet<string> = new Set([
  'multi',
  'exec',
  'discard',
  'own',
  'subscribe',
  'tracking',
  'unknown',
])

const isMessage = ({ type, items }: Value): boolean =>
  (type === '>' || type === '*') && items[0]?.text === 'message'

const shownValue = ({ raw }: Value): string =>
  JSON.stringify(raw.length > 100 ? `${raw.slice(0, 100)}…` : raw)
