// The turn against spec/pollset.md and spec/output.md: its order, its budget, and that each thing is done once.

import t from 'tap'
import { type Flushable, type Settleable, SimPollset, Turns, type Waiter } from '../../src/pollset/index.js'
import { Alarm } from '../world/alarm.js'
import { raise } from '../world/raise.js'

/** A turn with its outside laid open: what was done, in order. */
class Bare extends Turns {
  readonly log: string[] = []
  clock = 0
  asked = 0
  /** Run once, in the next steal: what the outside has marked. */
  marked: (() => void)[] = []

  one(): string[] {
    this.asked = 0
    this.turn()
    return this.log.splice(0)
  }
  protected override readClock(): number {
    this.log.push('clock')
    return this.clock
  }
  protected override steal(): void {
    this.log.push('steal')
    for (const each of this.marked.splice(0)) each()
  }
  protected override askForTurn(): void {
    this.asked++
  }
  override close(): void {
    this.log.push('closed')
  }
  waiter(name: string, does: () => void = () => {}): Waiter {
    const waiter: Waiter = {
      wake: () => this.queue(waiter),
      resume: () => {
        this.log.push(name)
        does()
      },
    }
    return waiter
  }
  output(name: string, does: () => void = () => {}): Flushable {
    return {
      flush: () => {
        this.log.push(name)
        does()
      },
      crashWith: raise,
    }
  }
  input(name: string): Settleable {
    return { settle: () => this.log.push(name), crashWith: raise }
  }
}

t.test('P38: a turn tells how long it has taken; a simulated one has taken no time', async (t) => {
  const turns = new Bare()
  const spent: number[] = []
  turns.clock = 5
  turns.queue(
    turns.waiter('slice', () => {
      spent.push(turns.spentMs())
      turns.clock = 7.5
      spent.push(turns.spentMs())
    }),
  )
  turns.one()
  t.strictSame(spent, [0, 2.5])

  const simulated = new SimPollset(1)
  simulated.after(3, () => simulated.queue({ wake() {}, resume: () => void spent.push(simulated.spentMs()) }))
  simulated.runUntil(() => spent.length === 3)
  t.equal(spent[2], 0)
})

t.test('P5, O1: clock, deadlines, what was marked, waiters, flush, settle', async (t) => {
  const turns = new Bare()
  const woken = turns.waiter('woken by the flush')
  const waiter = turns.waiter('resume', () => {
    turns.flushLater(turns.output('flush', () => woken.wake()))
    turns.settleLater(turns.input('settle'))
  })
  turns.deadlines.every(10).arm(
    new Alarm(() => {
      turns.log.push('expire')
      turns.waiter('late').wake()
    }),
  )
  turns.marked.push(() => waiter.wake())
  turns.clock = 10
  t.strictSame(turns.one(), [
    'clock',
    'expire',
    'steal',
    'late',
    'resume',
    'flush',
    'settle',
    'woken by the flush',
  ])
  t.equal(turns.asked, 0, 'nothing is left: no further turn')
})

t.test('P5, P21: what those read whom the flush woke is settled in the same turn', async (t) => {
  const turns = new Bare()
  const woken = turns.waiter('reads', () => turns.settleLater(turns.input('settle')))
  turns.flushLater(turns.output('flush', () => woken.wake()))
  t.strictSame(turns.one(), ['clock', 'steal', 'flush', 'reads', 'settle'])
})

t.test('P6: the clock is read once a turn', async (t) => {
  const turns = new Bare()
  const seen: number[] = []
  turns.clock = 5
  turns.marked.push(() => {
    const look = turns.waiter('look', () => {
      seen.push(turns.now)
      turns.clock += 7
    })
    look.wake()
    look.wake()
  })
  const log = turns.one()
  t.strictSame(seen, [5, 5])
  t.equal(log.filter((each) => each === 'clock').length, 1)
  turns.one()
  t.equal(turns.now, 19)
})

t.test('P7: what is marked during a turn belongs to the next', async (t) => {
  const turns = new Bare()
  turns.marked.push(() =>
    turns.waiter('first', () => turns.marked.push(() => turns.waiter('second').wake())).wake(),
  )
  t.notOk(turns.one().includes('second'))
  t.ok(turns.one().includes('second'))
})

t.test('P9: readiness raised in the turn is served in it, in order', async (t) => {
  const turns = new Bare()
  turns.marked.push(() => {
    turns.waiter('a', () => turns.waiter('c').wake()).wake()
    turns.waiter('b', () => turns.waiter('d').wake()).wake()
  })
  t.strictSame(turns.one().slice(2), ['a', 'b', 'c', 'd'])
  t.equal(turns.turns, 1)
})

t.test('P10: past its budget the rest is first in the next turn, and a turn is asked for', async (t) => {
  const turns = new Bare({ resumesMax: 3 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) turns.waiter(name).wake()
  turns.marked.push(() => turns.waiter('marked').wake())
  t.strictSame(turns.one(), ['clock', 'steal', 'a', 'b', 'c'])
  t.equal(turns.asked, 1)
  t.strictSame(turns.one(), ['clock', 'steal', 'd', 'e', 'marked'])
  t.equal(turns.asked, 0)
})

t.test('P10: those whom the flush wakes share the budget', async (t) => {
  const turns = new Bare({ resumesMax: 2 })
  turns.waiter('a').wake()
  turns.flushLater(
    turns.output('flush', () => {
      turns.waiter('b').wake()
      turns.waiter('c').wake()
    }),
  )
  t.strictSame(turns.one(), ['clock', 'steal', 'a', 'flush', 'b'])
  t.strictSame(turns.one(), ['clock', 'steal', 'c'])
})

t.test('P12: what has used up its share comes in the next turn, after what was left', async (t) => {
  const turns = new Bare({ resumesMax: 2 })
  turns.queueLater(turns.waiter('later'))
  t.equal(turns.asked, 1)
  t.strictSame(turns.one(), ['clock', 'steal'])
  t.equal(turns.asked, 1)
  for (const name of ['a', 'b']) turns.waiter(name).wake()
  t.strictSame(turns.one(), ['clock', 'steal', 'later', 'a'])
  t.strictSame(turns.one(), ['clock', 'steal', 'b'])
})

t.test('O2: each output is flushed once; what is asked for in the flush, in the next turn', async (t) => {
  const turns = new Bare()
  let left = 2
  const output = turns.output('flush', () => {
    if (left-- > 0) turns.flushLater(output)
  })
  turns.flushLater(output)
  t.equal(turns.asked, 1, 'asked for outside a turn')
  t.strictSame(turns.one(), ['clock', 'steal', 'flush'])
  t.equal(turns.asked, 1)
  t.strictSame(turns.one(), ['clock', 'steal', 'flush'])
  t.strictSame(turns.one(), ['clock', 'steal', 'flush'])
  t.equal(turns.asked, 0)
  t.strictSame(turns.one(), ['clock', 'steal'])
})

t.test('waking outside a turn asks for one; inside it does not', async (t) => {
  const turns = new Bare()
  turns.waiter('a', () => turns.waiter('b').wake()).wake()
  t.equal(turns.asked, 1)
  turns.one()
  t.equal(turns.asked, 0)
})

t.test('P11: the same run with a clock that stands still', async (t) => {
  const play = (tick: number): string[] => {
    const turns = new Bare({ resumesMax: 4 })
    const log: string[] = []
    const spin = (name: string, left: number): Waiter =>
      turns.waiter(name, () => {
        turns.clock += tick
        if (left > 0) spin(`${name}.${left}`, left - 1).wake()
      })
    for (const name of ['a', 'b', 'c']) spin(name, 4).wake()
    for (let turn = 0; turn < 6; turn++) log.push(...turns.one())
    return log
  }
  t.strictSame(play(0), play(1_000))
})
