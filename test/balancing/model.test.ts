// The balancer beside a naive model of spec/balancing.md, through random histories. For each question the
// model computes the candidates from the whole history of each member.

import t from 'tap'
import { Balancer, Member } from '../../src/balancing/index.js'
import { seeded } from '../world/random.js'
import { chanceOf, type Given, optionsOf } from './members.js'

const POLICIES = ['round-robin', 'least-requests', 'random', 'hash'] as const

/** The state of a member in the model. */
interface Record {
  readonly member: Member
  readonly addedAt: number
  /** Results of its checks, the newest last. */
  active: 'unknown' | 'up' | 'down'
  passed: number
  failed: number
  /** The requests since the last ejection: when, and whether they failed. */
  requests: { at: number; failed: boolean }[]
  inRow: number
  /** Beginning and end of each ejection. */
  ejections: { until: number; level: number }[]
}

class Model {
  records: Record[] = []
  readonly given: ReturnType<typeof optionsOf>

  constructor(given: ReturnType<typeof optionsOf>) {
    this.given = given
  }

  replace(members: readonly Member[], now: number): void {
    this.records = members.map(
      (member) =>
        this.records.find((each) => each.member === member) ?? {
          member,
          addedAt: now,
          active: 'unknown',
          passed: 0,
          failed: 0,
          requests: [],
          inRow: 0,
          ejections: [],
        },
    )
  }

  isEjected = ({ ejections }: Record, now: number): boolean => (ejections.at(-1)?.until ?? 0) > now
  serving = () => this.records.filter(({ member }) => !member.draining && member.weight > 0)
  counts = ({ active }: Record): boolean =>
    active === 'up' || (active === 'unknown' && (!this.given.checked || this.given.initial === 'up'))

  checked(member: Member, ok: boolean, now: number): void {
    const { given } = this
    const record = this.records.find((each) => each.member === member)
    if (record === undefined || !given.checked) return
    record.passed = ok ? record.passed + 1 : 0
    record.failed = ok ? 0 : record.failed + 1
    const last = record.ejections.at(-1)
    if (ok && last !== undefined && last.until > now) {
      last.until = now
      record.requests = []
      record.inRow = 0
    }
    if (ok && (record.active !== 'down' || record.passed >= given.healthy)) record.active = 'up'
    const first = record.active === 'unknown' && given.initial === 'check'
    if (!ok && (first || record.failed >= given.unhealthy)) record.active = 'down'
  }

  request(member: Member, failed: boolean, now: number): void {
    const { passive } = this.given
    const record = this.records.find((each) => each.member === member)
    if (record === undefined || passive === null || this.isEjected(record, now)) return
    record.requests.push({ at: now, failed })
    record.inRow = failed ? record.inRow + 1 : 0
    if (!failed) return
    const slice = passive.rateMs / 10
    const recent = record.requests.filter(({ at }) => Math.floor(at / slice) > Math.floor(now / slice) - 10)
    const failures = recent.filter((each) => each.failed).length
    const rated = recent.length >= passive.rateLeast && failures / recent.length >= passive.rate
    const inRow = passive.consecutive > 0 && record.inRow >= passive.consecutive
    if (!inRow && !rated) return
    const serving = this.serving()
    const ejected = serving.filter((each) => this.isEjected(each, now)).length
    if (!serving.some((each) => each !== record && this.counts(each))) return
    if (ejected >= Math.max(1, Math.floor(passive.ejectedMax * serving.length))) return
    const last = record.ejections.at(-1)
    const forgiven = last === undefined ? 0 : Math.floor((now - last.until) / passive.ejectionMs)
    const level = Math.max(0, (last?.level ?? 0) - forgiven) + 1
    const ms = Math.min(passive.ejectionMostMs, level * passive.ejectionMs)
    record.ejections.push({ until: now + ms, level })
    record.requests = []
    record.inRow = 0
  }

  candidates(now: number): Set<Member> {
    const { given } = this
    const serving = this.serving()
    const up = serving.filter(this.counts)
    const usable = up.filter((each) => !this.isEjected(each, now))
    const unknown = serving.filter((each) => each.active === 'unknown')
    const set = (records: readonly Record[]) => new Set(records.map((each) => each.member))
    if (up.length === 0 && unknown.length > 0) {
      const late = Math.min(...unknown.map((each) => each.addedAt)) + given.timeoutMs
      return set(now >= late ? unknown : [])
    }
    if (usable.length >= given.panic * serving.length) return set(usable)
    return set(up.length > 0 ? up : serving)
  }
}

function given(below: (n: number) => number): Given {
  const pick = <T>(...of: T[]): T => of[below(of.length)]
  return {
    balance: { policy: pick(...POLICIES), slowStartMs: pick(0, 500, 5000), bound: pick(0, 1, 1.25) },
    active: pick<NonNullable<Given['active']> | null>(
      null,
      { initial: 'up' },
      {},
      { healthy: 1, unhealthy: 1 },
    ),
    passive: pick<NonNullable<Given['passive']> | null>(
      null,
      { consecutive: 2, ejectionMs: 500, ejectionMostMs: 1200 },
      { consecutive: 0, rateLeast: 3, rateMs: 400, ejectedMax: 1, ejectionMs: 300 },
      { consecutive: 3, ejectedMax: 0.3, ejectionMs: 1000 },
    ),
    panic: pick(0, 0.3, 0.5, 1),
  }
}

t.test(
  'B1, B2, B11, B15, B16, B17, B18, B19, B21, B22, B23, B24, B25, B26, B27: as a model says',
  async (t) => {
    let questions = 0
    let empty = 0
    for (let seed = 1; seed <= 400; seed++) {
      const below = seeded(seed)
      const options = optionsOf(given(below))
      const balancer = new Balancer(options, 0, chanceOf(seed))
      const model = new Model(options)
      let now = 0
      let made = 0
      const make = () => new Member(`member-${made++}`, 1 + below(3), now)
      let members = Array.from({ length: 1 + below(5) }, make)
      const replace = () => {
        balancer.replace(members, now)
        model.replace(members, now)
      }
      replace()
      for (let step = 0; step < 150; step++) {
        const member = members[below(members.length)]
        const what = below(20)
        if (what < 6) {
          const failed = below(3) > 0
          if (failed) balancer.failed(member, now, null)
          else balancer.succeeded(member, now)
          model.request(member, failed, now)
        } else if (what < 11) {
          const passed = below(2) > 0
          balancer.checked(member, passed, now)
          model.checked(member, passed, now)
        } else if (what < 17) now += below(4) === 0 ? below(3000) : below(60)
        else if (what === 17 && members.length < 7) {
          members = [...members, make()]
          replace()
        } else if (what === 18 && members.length > 1) {
          members = members.filter((each) => each !== member)
          replace()
        } else if (below(3) === 0) {
          member.draining = !member.draining
          replace()
        }
        const expected = model.candidates(now)
        const panicking = balancer.isPanicking(now)
        const found = new Set(members.filter((each) => each.candidate))
        const names = (of: Set<Member>) => [...of].map((each) => each.name).sort()
        if (`${names(found)}` !== `${names(expected)}`) {
          t.strictSame(names(found), names(expected), `seed ${seed}, step ${step}`)
          return
        }
        if (panicking && options.panic === 0) t.fail(`seed ${seed}: it panics`)
        questions++
        if (expected.size === 0) empty++
        const tried: Member[] = []
        const key = below(2) === 0 ? null : `key-${below(5)}`
        for (let i = 0; i <= expected.size; i++) {
          const chosen = balancer.choose(now, key, tried)
          if (chosen === null ? expected.size > 0 : !expected.has(chosen))
            t.fail(`seed ${seed}, step ${step}`)
          if (chosen === null) break
          if (i < expected.size && tried.includes(chosen)) t.fail(`seed ${seed}, step ${step}: again`)
          tried.push(chosen)
          if (below(2) === 0) balancer.began(chosen)
          else if (chosen.load > 0) balancer.ended(chosen)
        }
        for (const each of members)
          if (!(each.share > 0 && each.share <= each.weight)) t.fail(`seed ${seed}: a share of ${each.share}`)
      }
    }
    t.ok(questions > 50_000 && empty > 100, `${questions} questions, ${empty} times nobody`)
  },
)
