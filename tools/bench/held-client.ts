// The client whose requests are held. Over IPC it is told to connect, then to send requests on all its
// connections, then to report on them. It is a separate process, so that its memory is not counted.

import { type ClientHttp2Session, connect, constants } from 'node:http2'

export type HeldOrder =
  | { readonly order: 'connect'; readonly port: number; readonly connections: number }
  | { readonly order: 'send'; readonly requests: number; readonly authority: string }
  | { readonly order: 'state' }

export interface HeldState {
  /** The streams that have begun and have seen neither response nor end. */
  readonly waiting: number
  readonly answered: number
  /** The streams that ended without a response, and connections that did. */
  readonly failed: number
}

const sessions: ClientHttp2Session[] = []
const counts = { sent: 0, answered: 0, failed: 0 }

const state = (): HeldState => ({
  waiting: counts.sent - counts.answered - counts.failed,
  answered: counts.answered,
  failed: counts.failed,
})

function open(port: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1000 })
    session.on('error', reject)
    session.on('remoteSettings', () => resolve(session))
  })
}

function send(session: ClientHttp2Session, authority: string): void {
  counts.sent++
  let answered = false
  const stream = session.request({
    [constants.HTTP2_HEADER_PATH]: `/held/${counts.sent}`,
    [constants.HTTP2_HEADER_AUTHORITY]: authority,
    'user-agent': 'held-client',
    accept: '*/*',
  })
  stream.on('response', () => {
    answered = true
    counts.answered++
  })
  stream.on('error', () => {})
  stream.on('close', () => {
    if (!answered) counts.failed++
  })
}

async function obey(order: HeldOrder): Promise<void> {
  if (order.order === 'connect') {
    for (let i = 0; i < order.connections; i++) sessions.push(await open(order.port))
  } else if (order.order === 'send') {
    for (let i = 0; i < order.requests; i++) {
      send(sessions[i % sessions.length] as ClientHttp2Session, order.authority)
    }
  }
  process.send?.(state())
}

process.on('message', (order: HeldOrder) => void obey(order))
process.on('disconnect', () => process.exit(0))
