// The published type of typed events says what typed-emitter's says, which users need not install.

import t from 'tap'
import type TypedEmitter from 'typed-emitter'
import { createServer, type Emitter, type ProxyServerEvents } from '../../src/server/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Members<T> = { [K in keyof T]: T[K] }

t.test('Emitter is typed-emitter’s type, member by member', async (t) => {
  const names: Same<keyof Emitter<ProxyServerEvents>, keyof TypedEmitter.default<ProxyServerEvents>> = true
  const there = (emitter: Emitter<ProxyServerEvents>): TypedEmitter.default<ProxyServerEvents> => emitter
  const back = (emitter: TypedEmitter.default<ProxyServerEvents>): Emitter<ProxyServerEvents> => emitter
  const emit: Same<
    Members<Emitter<ProxyServerEvents>>['emit'],
    Members<TypedEmitter.default<ProxyServerEvents>>['emit']
  > = true
  t.ok(names && emit)
  for (const each of [there, back]) t.type(each, 'function')
})

t.test('events of a server are typed', async (t) => {
  const server = createServer({ listen: '127.0.0.1:0', backend: 'h2c://127.0.0.1:1' })
  // @ts-expect-error there is no such event
  t.throws(() => server.on('finished', () => {}), { name: 'TypeError' })
  // @ts-expect-error an exchange is not a number
  server.on('exchange', (report: number) => report)
  let closed = 0
  server.on('close', () => closed++)
  await server.close()
  await server.close()
  t.equal(closed, 1)
  await t.rejects(server.listen(), { code: 'not-listening' })
})
