// The keeper of a log file tells the operator what happens to it: at once, then added up for a while.

import t from 'tap'
import { type KeeperWords, LogKeeper, logKeeperLife } from '../../src/access-log/index.js'
import { createWorld } from '../../src/continuation/index.js'
import { DROPPED, FAILED, LineFile, REOPENED, type SocketFault } from '../../src/pollset/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { declared, Seen } from '../world/seen.js'

class FakeFile extends LineFile {
  readonly id = 'log1'
  readonly name = 'a.log'
  readonly lines = 0
  dropped = 0
  fault: SocketFault | null = null
  append(): void {
    this.dropped++
    this.raise(DROPPED)
  }
  reopen(): void {
    this.raise(REOPENED)
  }
  fail(code: string): void {
    this.fault = { code, message: `${code}: wrong, write` }
    this.raise(FAILED)
  }
  takeDropped(): number {
    const { dropped } = this
    this.dropped = 0
    this.lower(DROPPED)
    return dropped
  }
  takeFault(): SocketFault | null {
    const { fault } = this
    this.fault = null
    this.lower(FAILED)
    return fault
  }
}

const seen = new Seen()

function kept(repeatMs = 1_000) {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  world.scheduler.tracer = seen
  const told: string[] = []
  const words: KeeperWords = {
    dropped: (file, lines) => told.push(`${file.name} dropped ${lines}`),
    failed: (file, why) => told.push(`${file.name} failed ${why}`),
    reopened: (file) => told.push(`${file.name} reopened`),
  }
  const file = new FakeFile()
  const keeper = new LogKeeper(world, file, repeatMs, words)
  pollset.run()
  return { pollset, file, keeper, told }
}

t.test('the first line that is dropped is told at once, the others are added up', async (t) => {
  const { pollset, file, told } = kept()
  file.append()
  file.append()
  pollset.run()
  t.strictSame(told.splice(0), ['a.log dropped 2'])
  for (let at = 0; at < 5; at++) {
    file.append()
    pollset.advance(100)
  }
  t.strictSame(told, [])
  pollset.advance(500)
  t.strictSame(told.splice(0), ['a.log dropped 5'])
  pollset.advance(10_000)
  t.strictSame(told, [])
})

t.test('why a write failed, once in a while; that it was opened again, at once', async (t) => {
  const { pollset, file, told } = kept()
  file.fail('ENOSPC')
  pollset.run()
  for (let at = 0; at < 9; at++) {
    file.fail('ENOSPC')
    pollset.advance(100)
  }
  t.strictSame(told.splice(0), ['a.log failed ENOSPC: wrong, write'])
  file.reopen()
  pollset.run()
  t.strictSame(told.splice(0), ['a.log reopened'])
  pollset.advance(100)
  t.strictSame(told.splice(0), ['a.log failed ENOSPC: wrong, write'])
  pollset.advance(2_000)
  file.reopen()
  pollset.run()
  t.strictSame(told, ['a.log reopened'])
})

t.test('cancelled: it tells what is left', async (t) => {
  for (const waits of [0, 100]) {
    const { pollset, file, keeper, told } = kept()
    if (waits > 0) {
      file.append()
      pollset.advance(waits)
      told.length = 0
    }
    keeper.cancel()
    file.dropped = 3
    pollset.run()
    t.ok(keeper.finished)
    t.strictSame(told, ['a.log dropped 3'])
  }
})

t.test('the edges that were seen are those declared, and every wait ended in every way', async (t) => {
  const { edges } = logKeeperLife
  t.strictSame(seen.taken(edges), declared(edges))
  t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges))
})
