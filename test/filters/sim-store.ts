// A store on the simulated network: a server of Redis that knows the one script of rateLimit.

import type { SharedStore } from '../../src/filters/index.js'
import { Bucket } from '../../src/filters/rate-limit/buckets.js'
import { GCRA } from '../../src/filters/rate-limit/shared-buckets.js'
import type { HttpWorld } from '../../src/http/index.js'
import { type SimPollset, sha1Of } from '../../src/pollset/index.js'
import { RedisBackend, RedisStore, redisLimits } from '../../src/redis/index.js'
import { elementsOf, stringOf } from '../../src/redis/merge.js'
import { Peer } from '../world/text-peer.js'

const AT = { host: '192.0.2.10', port: 6379 }

/** The state of a server: what it was asked, and how it answers. */
export class SimStore {
  readonly asked: string[] = []
  readonly buckets = new Map<string, Bucket>()
  /** It answers nothing. */
  isSilent = false
  private knowsScript = false

  /** Makes the store of a World whose pollset is simulated. */
  readonly in = (world: HttpWorld): SharedStore => {
    const pollset = world.pollset as SimPollset
    pollset.serve(AT, (far) => {
      const peer: Peer = new Peer(far, () => {
        for (let word = this.next(peer); word !== null; word = this.next(peer)) {
          this.asked.push(word.join(' '))
          if (!this.isSilent) peer.say(this.answer(word, pollset.now))
        }
      })
    })
    const own = { ...world, redisLimits }
    const shards = [{ endpoints: [{ name: 'sim', target: AT }] }]
    const backend = new RedisBackend(own, { name: 'store', shards, check: null })
    return new RedisStore(own, { name: 'store' }, () => backend)
  }

  /** Takes the next command, if all of it has come. */
  private next(peer: Peer): string[] | null {
    const bytes = Buffer.from(peer.text, 'latin1')
    const count = Number(/^\*(\d+)\r\n/.exec(peer.text)?.[1] ?? 0)
    if (count === 0) return null
    let words: string[]
    let length: number
    try {
      const elements = elementsOf(bytes)
      words = elements.map(stringOf)
      length = elements.reduce((sum, each) => sum + each.length, `*${count}\r\n`.length)
    } catch {
      return null
    }
    if (length > bytes.length || words.length < count) return null
    peer.text = peer.text.slice(length)
    return words
  }

  private answer([command, script, , key, ...args]: string[], now: number): string {
    if (command === 'EVALSHA' && !(this.knowsScript && script === sha1Of(GCRA)))
      return '-NOSCRIPT No matching script.\r\n'
    this.knowsScript ||= script === GCRA
    if (key === 'fermata:probe') return '+OK\r\n'
    const [burst, perMs, cost, most] = args.map(Number)
    const rate = { burst, perMs }
    const bucket = this.buckets.get(key) ?? new Bucket()
    this.buckets.set(key, bucket)
    const waitMs = bucket.waitMs(now, rate, cost)
    const passes = waitMs <= most
    if (passes) bucket.add(now, rate, cost)
    const text = `${passes ? 1 : 0} ${waitMs} ${bucket.levelAt(now, rate)}`
    return `$${text.length}\r\n${text}\r\n`
  }
}
