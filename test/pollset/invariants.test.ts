// Broken invariants of our own (spec/design.md, House rules): how far one reaches, and that a turn in which
// one shows goes on for all others.

import t from 'tap'
import { endsWorld, InvariantBroken, invariant, Turns } from '../../src/pollset/index.js'

class Bare extends Turns {
  readonly log: string[] = []
  /** At the end of each turn. */
  atEnd = (): void => {}
  one(): void {
    this.turn()
  }
  close(): void {
    this.log.push('closed')
  }
  protected override readClock(): number {
    return 0
  }
  protected override steal(): void {}
  protected override turnOver(): void {
    this.atEnd()
  }
  /** Reports an error, as a callback of the operating system does. */
  inCallback(error: unknown): void {
    this.broken(error)
  }
  protected override askForTurn(): void {}

  /** Asks for a flush and a settle that log their name, and for one of each that break an invariant. */
  ask(reach: 'owner' | 'world'): void {
    const crashWith = (error: unknown) => void this.log.push(String(error))
    const breaks = (what: string) => () => invariant(this.log.length < 0, what, reach)
    for (const name of ['first', 'second']) {
      this.flushLater({ flush: () => void this.log.push(`${name} flush`), crashWith })
      this.settleLater({ settle: () => void this.log.push(`${name} settle`), crashWith })
      if (name === 'second') continue
      this.flushLater({ flush: breaks('what is flushed is whole'), crashWith })
      this.settleLater({ settle: breaks('what is settled is counted'), crashWith })
    }
  }
}

t.test('what holds says nothing; what does not says what should hold', async (t) => {
  t.doesNotThrow(() => invariant(t.passing(), 'one is one'))
  t.throws(() => invariant(!t.passing(), 'one is one'), {
    name: 'InvariantBroken',
    message: 'this does not hold: one is one',
    reach: 'owner',
  })
  t.notOk(endsWorld(new InvariantBroken('a count is a count', 'owner')))
  t.notOk(endsWorld(new Error('oh')))
  t.ok(endsWorld(new InvariantBroken('a slab has one owner', 'world')))
})

t.test('in flush and settle it ends what it belongs to, and all others go on', async (t) => {
  const turns = new Bare()
  turns.ask('owner')
  turns.one()
  t.strictSame(turns.log, [
    'first flush',
    'InvariantBroken: this does not hold: what is flushed is whole',
    'second flush',
    'first settle',
    'InvariantBroken: this does not hold: what is settled is counted',
    'second settle',
  ])
})

t.test('one that reaches the World ends it at once, and is told', async (t) => {
  const turns = new Bare()
  turns.onBroken = (error) => void turns.log.push(error.message)
  turns.ask('world')
  turns.one()
  t.strictSame(turns.log, ['first flush', 'closed', 'this does not hold: what is flushed is whole'])
})

t.test('P34: so does one at the end of the turn, or in a callback; it is told once', async (t) => {
  for (const first of ['end', 'callback']) {
    const turns = new Bare()
    turns.onBroken = (error) => void turns.log.push(error.message)
    turns.atEnd = () => invariant(turns.log.length < 0, 'a buffer has one owner', 'world')
    const again = new InvariantBroken('a buffer has one owner', 'world')
    if (first === 'end') turns.one()
    turns.inCallback(again)
    turns.inCallback(again)
    t.strictSame(turns.log, ['closed', 'this does not hold: a buffer has one owner'])
    t.throws(() => turns.inCallback(new TypeError('oh')), { message: 'oh' }, 'any other error goes up')
  }
})

t.test('where nobody asked to be told, it goes up', async (t) => {
  const turns = new Bare()
  turns.ask('world')
  t.throws(() => turns.one(), { name: 'InvariantBroken', reach: 'world' })
  t.strictSame(turns.log, ['first flush', 'closed'])
})

t.test('any other error of a flush stays with it too; one of the turn itself goes up', async (t) => {
  const turns = new Bare()
  const crashWith = (error: unknown) => void turns.log.push(String(error))
  const fails = () => {
    throw new TypeError('oh')
  }
  turns.flushLater({ flush: fails, crashWith })
  turns.one()
  t.strictSame(turns.log, ['TypeError: oh'])
  turns.queue({ wake() {}, resume: fails })
  t.throws(() => turns.one(), { message: 'oh' })
})
