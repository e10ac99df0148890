// A proxy on the simulated network, clients and backends: for what takes minutes of the clock, and a network
// with a memory.

import { createWorld } from '../../src/continuation/index.js'
import { engineLimits } from '../../src/engine/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { createHttp1, http1Sessions, serveHttp1 } from '../../src/http1/index.js'
import { createHttp2, http2Sessions, serveHttp2 } from '../../src/http2/index.js'
import {
  ACCEPTABLE,
  noFaults,
  type SimFaults,
  type SimPeerSocket,
  SimPollset,
} from '../../src/pollset/index.js'
import { ReverseProxy } from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { backendOf, routerTo } from '../../tools/testbed/short-server.js'
import { PacedPeer, type PeerOptions } from './paced-peer.js'
import { PacedPeer1 } from './paced-peer1.js'

const FRONT = { host: '192.0.2.1', port: 80 }
const BACK = { host: '192.0.2.9', port: 9 }

export function simProxy(
  limits: SomeLimits = {},
  faults: Partial<SimFaults> = {},
  backendOptions: PeerOptions = {},
  versions: { readonly back?: 1 | 2 } = {},
) {
  const pollset = new SimPollset(1, { ...noFaults, ...faults })
  const world = createHttpWorld(createWorld(pollset), limits.transport)
  const http2 = createHttp2(world, limits.http2)
  const http1 = createHttp1(world, limits.http1)
  const sessions = versions.back === 1 ? http1Sessions(http1, BACK) : http2Sessions(http2, BACK)
  const backend = backendOf(world, 'h2c://b', () => sessions, { ...engineLimits, ...limits.engine })
  const proxy = new ReverseProxy(
    world,
    routerTo(world, [{ host: '', prefix: '/', backend }], limits.proxy),
    limits.proxy,
  )
  proxy.backends = [backend]
  const backends: PacedPeer[] = []
  const backends1: PacedPeer1[] = []
  let onBackend: (peer: PacedPeer) => void = () => {}
  pollset.serve(BACK, (far) => {
    if (versions.back === 1) {
      backends1.push(new PacedPeer1(far, backendOptions))
      return
    }
    const peer = new PacedPeer(pollset, far, 'backend', backendOptions)
    backends.push(peer)
    onBackend(peer)
  })
  const listener = pollset.listen(FRONT, 'l1')
  pollset.step()
  const connect = () => {
    const far = pollset.dial(FRONT, { host: '198.51.100.1', port: 40_000 }) as SimPeerSocket
    while ((listener.readiness & ACCEPTABLE) === 0) pollset.step()
    const socket = listener.accept()
    if (socket === null) throw new Error('nobody was accepted')
    return { far, socket }
  }
  return {
    pollset,
    world,
    proxy,
    backends,
    /** Those of HTTP/1.1. */
    backends1,
    /** Is called for each connection to the backend. */
    onBackend(act: (peer: PacedPeer) => void): void {
      onBackend = act
    },
    /** A client of HTTP/1.1. */
    client1(options: PeerOptions = {}): PacedPeer1 {
      const { far, socket } = connect()
      serveHttp1(http1, socket, proxy)
      return new PacedPeer1(far, options)
    },
    client(options: PeerOptions = {}): PacedPeer {
      const { far, socket } = connect()
      const peer = new PacedPeer(pollset, far, 'client', options)
      serveHttp2(http2, socket, proxy)
      return peer
    },
    /** Let so much time pass, or less if this holds before. */
    pass(ms: number, until = () => false): boolean {
      // The clock stands unless something happens.
      let over = false
      pollset.after(ms, () => {
        over = true
      })
      pollset.runUntil(() => over || until())
      return !over
    },
  }
}
