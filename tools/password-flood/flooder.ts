// The flood of tools/password-flood.ts, a program of its own. It sends requests from several addresses at a
// steady rate, regardless of earlier results, and counts the answers. A flood comes from other machines: here
// it has the lowest priority, so that it takes no time that others need.
//
//   node flooder.js PORT ADDRESSES RATE

import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { setPriority } from 'node:os'

/** An order: to send wrong passwords, to send none, or to rest. */
export type FloodOrder = 'passwords' | 'none' | 'rest'
/** The number of answers by status, since the last order. `late`: not sent, since too many are unanswered. */
export type FloodCounts = Readonly<Record<string, number>>

/** ms between two rounds of requests. */
const EVERY_MS = 5
/** The most unanswered requests of each address. */
const UNANSWERED_MAX = 100
const LOWEST_PRIORITY = 19

interface Address {
  readonly session: ClientHttp2Session
  unanswered: number
}

function addressesOf(port: number, count: number): readonly Address[] {
  return Array.from({ length: count }, (_, i) => {
    const localAddress = `127.0.1.${i + 1}`
    const session = connect(`http://127.0.0.1:${port}`, {
      createConnection: () => connectTcp({ port, host: '127.0.0.1', localAddress, noDelay: true }),
    })
    session.on('error', (error) => {
      throw error
    })
    return { session, unanswered: 0 }
  })
}

function flood(port: number, count: number, rate: number): void {
  setPriority(LOWEST_PRIORITY)
  const addresses = addressesOf(port, count)
  let order: FloodOrder = 'rest'
  let counts: Record<string, number> = {}
  let sent = 0
  let due = 0
  let last = performance.now()

  const send = (): void => {
    const address = addresses[sent++ % count] as Address
    if (address.unanswered >= UNANSWERED_MAX) {
      counts['late'] = (counts['late'] ?? 0) + 1
      return
    }
    address.unanswered++
    const credentials = Buffer.from(`ann:wrong ${sent}`).toString('base64')
    const stream = address.session.request({
      ':path': '/',
      ...(order === 'none' ? {} : { authorization: `Basic ${credentials}` }),
    })
    stream.on('response', ({ ':status': status = 0 }) => {
      counts[status] = (counts[status] ?? 0) + 1
    })
    stream.on('error', () => {})
    stream.on('close', () => address.unanswered--)
    stream.resume()
  }

  setInterval(() => {
    const now = performance.now()
    due = order === 'rest' ? 0 : due + ((now - last) * rate) / 1_000
    last = now
    for (; due >= 1; due--) send()
  }, EVERY_MS)

  process.on('message', (next: FloodOrder) => {
    const told = counts
    order = next
    counts = {}
    process.send?.(told)
  })
  process.on('disconnect', () => process.exit())
  process.stdout.write('ready\n')
}

if (process.argv[1] === import.meta.filename) {
  const [port, addresses, rate] = process.argv.slice(2).map(Number)
  flood(port as number, addresses as number, rate as number)
}
