// Sockets of Node's pollset in a test: waiting for bits, taking octets, a listener with peers of node:net.

import { connect } from 'node:net'
import {
  ACCEPTABLE,
  LISTEN_FAILED,
  LISTENING,
  NodePollset,
  type NodePollsetLimits,
  type Pollable,
  READABLE,
  type Socket,
} from '../../src/pollset/index.js'

export const HERE = '127.0.0.1'

/** A test, as far as what is opened here must be closed at its end. */
export interface Cleaning {
  teardown(close: () => unknown): void
}

/** Until one of the bits is up. */
export function until(pollable: Pollable, bits: number): Promise<void> {
  if ((pollable.readiness & bits) !== 0) return Promise.resolve()
  return new Promise((resolve) => {
    pollable.waiter = {
      wake() {
        pollable.waiter = null
        pollable.interest = 0
        resolve()
      },
      resume() {},
    }
    pollable.interest = bits
  })
}

export function takeAll(socket: Socket): Buffer {
  const chunks: Buffer[] = []
  for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function takeBytes(socket: Socket, bytes: number): Promise<Buffer> {
  let all = takeAll(socket)
  while (all.length < bytes) {
    await until(socket, READABLE)
    all = Buffer.concat([all, takeAll(socket)])
  }
  return all
}

export async function listening(t: Cleaning, limits: Partial<NodePollsetLimits> = {}) {
  const pollset = new NodePollset(limits)
  t.teardown(() => pollset.close())
  const listener = pollset.listen({ host: HERE, port: 0 }, 'l1')
  await until(listener, LISTENING | LISTEN_FAILED)
  const dial = () => {
    const peer = connect({ host: HERE, port: listener.address.port, allowHalfOpen: true })
    t.teardown(() => peer.destroy())
    peer.on('error', () => {})
    return peer
  }
  const accept = async () => {
    await until(listener, ACCEPTABLE)
    return listener.accept() as Socket
  }
  /** A connected pair. */
  const pair = async () => {
    const peer = dial()
    const socket = await accept()
    return { peer, socket }
  }
  return { pollset, listener, dial, accept, pair }
}
