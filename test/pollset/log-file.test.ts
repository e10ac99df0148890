// A file of lines: whole lines or none, in one write a turn, whatever the file does (spec/access-log.md, File).

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { DROPPED, FAILED, type Flushable, NodeLogFile, REOPENED } from '../../src/pollset/index.js'
import { soon } from '../world/soon.js'

const folder = mkdtempSync(join(tmpdir(), 'fermata-log-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** A pollset that flushes when it is told to, and raises what is marked at once. */
class Owner {
  outputs: Flushable[] = []
  flushLater(output: Flushable): void {
    this.outputs.push(output)
  }
  mark(target: { raise(bits: number): void }, bits: number): void {
    target.raise(bits)
  }
  turn(): void {
    const all = this.outputs
    this.outputs = []
    for (const each of all) each.flush()
  }
}

const opened = (path: string, slabBytes = 1 << 16) => {
  const owner = new Owner()
  const file = new NodeLogFile('log1', path, slabBytes, owner)
  return { owner, file, fault: file.openNow() }
}
const finished = (file: NodeLogFile): Promise<number> => new Promise((resolve) => file.finish(resolve))
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await soon()
}
/** Writes a line that is there as text. */
const write = (file: NodeLogFile, line: string): void =>
  file.append((text: string, { bytes, room }, at) => {
    if (at + text.length <= room) bytes.write(text, at, 'latin1')
    return at + text.length
  }, line)
const lines = (path: string): string[] => readFileSync(path, 'latin1').split('\n').slice(0, -1)

t.test('20,000 lines, over many turns, are in the file whole and in order', async (t) => {
  const path = join(folder, 'many')
  writeFileSync(path, 'before\n')
  const { owner, file } = opened(path, 4 << 20)
  const all: string[] = ['before']
  for (let at = 0; at < 20_000; at++) {
    const line = `${at} ${'x'.repeat(at % 97)}`
    all.push(line)
    write(file, `${line}\n`)
    if (at % 50 === 49) {
      t.equal(owner.outputs.length, 1)
      owner.turn()
    }
    if (at % 1_000 === 0) await until(() => true)
  }
  t.equal(await finished(file), 0)
  t.strictSame(lines(path), all)
  t.equal(file.dropped, 0)
})

t.test('a file that it makes has mode 0640', async (t) => {
  const path = join(folder, 'mode')
  const before = process.umask(0)
  const { file } = opened(path)
  process.umask(before)
  t.equal(statSync(path).mode & 0o777, 0o640)
  await finished(file)
})

t.test(
  'a pipe that nobody reads: lines wait, then are dropped whole, and nothing waits for it',
  async (t) => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    t.match(opened(path).fault, { code: 'ENXIO' }, 'nobody has opened it')
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    t.teardown(() => closeSync(reader))
    const { owner, file, fault } = opened(path, 1 << 16)
    t.equal(fault, null)
    const line = `${'y'.repeat(999)}\n`
    // The pipe takes 64 KiB, each slab as much.
    for (let at = 0; at < 400; at++) {
      write(file, line)
      owner.turn()
      if (at % 50 === 0) await until(() => true)
    }
    t.ok(file.dropped > 150, `${file.dropped} dropped`)
    t.equal(file.readiness & FAILED, 0, 'a full pipe is no fault')
    t.equal(file.takeDropped(), file.dropped)
    t.equal(file.readiness & DROPPED, 0)
    const got: Buffer[] = []
    const buffer = Buffer.alloc(1 << 16)
    const drain = (): void => {
      try {
        for (let size = -1; size !== 0; ) {
          size = readSync(reader, buffer)
          got.push(Buffer.from(buffer.subarray(0, size)))
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      }
    }
    let left = -1
    file.finish((lost) => {
      left = lost
    })
    await until(() => {
      drain()
      return left >= 0
    })
    drain()
    t.equal(left, 0)
    const text = Buffer.concat(got).toString()
    t.equal(text, line.repeat(400 - file.dropped))
  },
)

t.test(
  'a full disk: it is told of, and a line longer than a slab is dropped',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const { owner, file } = opened('/dev/full')
    write(file, 'one\n')
    owner.turn()
    await until(() => (file.readiness & FAILED) !== 0)
    t.match(file.takeFault(), { code: 'ENOSPC' })
    t.equal(file.takeFault(), null)
    write(file, `${'z'.repeat(1 << 16)}\n`)
    t.equal(file.takeDropped(), 1)
    // The disk has room again: the line is not lost.
    const path = join(folder, 'link')
    symlinkSync('/dev/full', path)
    const linked = opened(path)
    write(linked.file, 'two\n')
    linked.owner.turn()
    await until(() => (linked.file.readiness & FAILED) !== 0)
    rmSync(path)
    linked.file.reopen()
    t.equal(await finished(linked.file), 0)
    t.strictSame(lines(path), ['two'])
  },
)

t.test(
  'opened again: lines from before are in the old file, lines from then on in the new one',
  async (t) => {
    const path = join(folder, 'rotated')
    const { owner, file } = opened(path)
    write(file, 'old\n')
    owner.turn()
    renameSync(path, `${path}.1`)
    file.reopen()
    await until(() => (file.readiness & REOPENED) !== 0)
    file.lower(REOPENED)
    write(file, 'new\n')
    owner.turn()
    t.equal(await finished(file), 0)
    t.strictSame([lines(`${path}.1`), lines(path)], [['old'], ['new']])
  },
)

t.test('what cannot be opened again goes on to the old file until it can', async (t) => {
  const inner = join(folder, 'inner')
  mkdirSync(inner)
  const path = join(inner, 'log')
  const { owner, file } = opened(path)
  renameSync(inner, `${inner}.1`)
  file.reopen()
  await until(() => (file.readiness & FAILED) !== 0)
  t.match(file.takeFault(), { code: 'ENOENT' })
  write(file, 'old\n')
  owner.turn()
  await until(() => file.lines === 1)
  mkdirSync(inner)
  await until(() => (file.readiness & REOPENED) !== 0)
  write(file, 'new\n')
  owner.turn()
  await finished(file)
  t.strictSame([lines(join(`${inner}.1`, 'log')), lines(path)], [['old'], ['new']])
})

t.test('what is there at the end is written at once', async (t) => {
  const path = join(folder, 'end')
  const { file } = opened(path)
  write(file, 'last\n')
  file.writeNow()
  t.strictSame(lines(path), ['last'])
  file.writeNow()
  await finished(file)
  write(file, 'late\n')
  t.equal(file.dropped, 1)
  t.strictSame(lines(path), ['last'])
})

t.test('a file that cannot be opened at start', async (t) => {
  t.match(opened(folder).fault, { code: 'EISDIR' })
  t.match(opened(join(folder, 'no', 'such')).fault, { code: 'ENOENT' })
})
