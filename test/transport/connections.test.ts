// The connections of a service: how many there may be, and how they are drained; against a listener in memory.

import t from 'tap'
import { Continuation, createWorld, defineLife, type World } from '../../src/continuation/index.js'
import { CLOSED, LISTENING, type Socket } from '../../src/pollset/index.js'
import { Connections, EMPTY, Listening } from '../../src/transport/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

const HERE = { host: '192.0.2.1', port: 80 }

const life = defineLife({ name: 'test', edges: { serve: ['close'], close: ['done'] } })
const untilClosed = life.suspend({ then: 'close', cancelled: 'close' })

/** Says nothing until it is closed, or told to end. */
class Silent extends Continuation {
  readonly id: string
  readonly kind = 'silent'
  readonly socket: Socket
  readonly connections: Connections
  constructor(world: World, socket: Socket, connections: Connections) {
    super(world)
    this.id = world.nextId('s')
    this.socket = socket
    this.connections = connections
    steps.start(world, this, 'serve')
  }
  crashed(): void {
    this.socket.destroy()
  }
}

const steps = life.steps<Silent>({
  serve(c) {
    c.waitOn(0, c.socket, CLOSED)
    return untilClosed
  },
  close(c) {
    c.socket.destroy()
    c.connections.delete(c)
    return life.done
  },
})

function setUp(most: number) {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  const connections = new Connections('connections', most)
  const told: string[] = []
  const listening = connections.serve(world, HERE, (socket) => new Silent(world, socket, connections), {
    ready: ({ listener }) => void told.push(`ready ${listener.address.port}`),
    failed: ({ listener }) => void told.push(`failed ${listener.fault?.code}`),
  })
  pollset.run()
  return { pollset, world, connections, told, listening }
}

t.test('bound, or told why not', async (t) => {
  const { pollset, world, told, listening } = setUp(1)
  t.strictSame(told, ['ready 80'])
  t.equal(listening.listener.readiness & LISTENING, 0)
  const taken: string[] = []
  const events = {
    ready() {},
    failed: (l: Listening) => void taken.push(l.listener.fault?.code ?? ''),
    accepted() {},
  }
  const second = new Listening(world, HERE, events)
  pollset.run()
  t.strictSame(taken, ['EADDRINUSE'])
  t.ok(second.finished)
})

t.test(
  'T8: one more than there may be is closed as it comes; when one has ended there is room again',
  async (t) => {
    const { pollset, connections } = setUp(2)
    t.equal(connections.readiness, EMPTY)
    const fars = [1, 2, 3].map(() => pollset.dialFar(HERE))
    t.strictSame(
      fars.map((far) => far.closed),
      [false, false, true],
    )
    t.strictSame([connections.size, connections.refused, connections.readiness], [2, 1, 0])
    fars[0].destroy()
    t.notOk(pollset.dialFar(HERE).closed)
    t.ok(pollset.dialFar(HERE).closed)
  },
)

t.test(
  'T9: drained: the listener closes; each is told to end, and who comes after that; told once when empty',
  async (t) => {
    const { pollset, world, connections } = setUp(9)
    const fars = [1, 2].map(() => pollset.dialFar(HERE))
    let drained = 0
    connections.drain(() => drained++)
    connections.add(new Silent(world, pollset.socket(), connections))
    t.equal(drained, 0)
    pollset.run()
    t.equal(drained, 1)
    t.ok(fars.every((far) => far.closed))
    t.strictSame([connections.size, connections.readiness], [0, EMPTY])
    t.equal(world.scheduler.living, 0)
    t.throws(() => pollset.dialFar(HERE), /nobody listens/)
    const late = new Silent(world, pollset.socket(), connections)
    connections.add(late)
    pollset.run()
    t.ok(late.finished)
    connections.drain(() => drained++)
    t.equal(drained, 2, 'at once, with no connection open')
  },
)

t.test('one that goes on as another leaves no gap', async (t) => {
  const { pollset, world, connections } = setUp(9)
  pollset.dialFar(HERE)
  const [before] = [...world.scheduler.alive()] as Silent[]
  const after = new Silent(world, before.socket, connections)
  connections.replace(before, after)
  t.strictSame([connections.size, connections.readiness], [1, 0])
  connections.delete(before)
  t.equal(connections.size, 1, 'what is not in it is not taken out of it')
  connections.delete(after)
  t.strictSame([connections.size, connections.readiness], [0, EMPTY])
})
