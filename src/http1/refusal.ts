// Writes our own response to a malformed request, or to a request that was given up before its response head.

import type { Fault } from '../continuation/index.js'
import { Head, type HttpWorld } from '../http/index.js'
import { WEBSOCKET_VERSION } from './websocket.js'
import { headBytesMax, writeResponseHead } from './writer.js'

/**
 * Returns a whole message, which ends the connection. `asksHead`: the request was HEAD, so it has no content.
 */
export function writeRefusal(world: HttpWorld, status: number, why: Fault, asksHead: boolean): Buffer {
  const { fields, date } = world
  const text = Buffer.from(`${status} ${why.code}: ${why.message}\n`)
  const more = status === 426 ? [fields.field('sec-websocket-version', WEBSOCKET_VERSION)] : []
  const type = fields.field('content-type', 'text/plain; charset=utf-8')
  const reason = fields.field('x-fermata', why.code)
  const lines = [fields.field(':status', String(status)), reason, type, ...more]
  const head = Head.response(lines, undefined, text.length)
  date.stamp(head)
  const room = Buffer.allocUnsafe(headBytesMax(head) + text.length)
  const at = writeResponseHead(room, 0, head, text.length, 1, false)
  const end = asksHead ? at : at + text.copy(room, at)
  return room.subarray(0, end)
}
