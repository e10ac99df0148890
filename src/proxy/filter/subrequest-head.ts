// Makes the head of a filter's request from the request which it serves.

import { Field, type FieldTable, Head } from '../../http/index.js'
import { FilterWriteError, writtenField } from './fields.js'
import type { SubrequestOptions } from './subrequest.js'
import { FilterUseError } from './view.js'

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/

/** Throws if it cannot be made, or if one of its fields must not be sent. */
export function subrequestHead(request: Head, table: FieldTable, options: SubrequestOptions): Head {
  const { method = 'GET', target, authority, body, without = () => false, fields = [] } = options
  if (!METHOD.test(method)) throw new FilterWriteError(`${JSON.stringify(method)} is not a method`)
  let head = request.asksTunnel ? withoutTunnel(request, table, options) : request
  if (target !== undefined && !request.asksTunnel) head = head.withControl('path', target)
  if (authority !== undefined) head = head.withControl('authority', authority)
  const kept = head.fields
    .slice(head.pseudos)
    .filter(({ name }) => name !== 'content-length' && !without(name))
  const control = head.fields
    .slice(0, head.pseudos)
    .map((each) => (each === head.method ? table.field(':method', method) : each))
  const made = Head.request([
    ...control,
    ...kept,
    ...fields.map(([name, value]) => subrequestField(table, name, value)),
  ])
  if (body === undefined || body.length === 0) return made
  return made.withLength(table.make('content-length', String(body.length)))
}

function subrequestField(table: FieldTable, name: string, value: string): Field {
  if (name.toLowerCase() === 'host')
    throw new FilterWriteError('host is written by the proxy alone: give the subrequest an authority')
  return writtenField(table, name, value)
}

/**
 * Returns the request as one that asks for no tunnel: a handshake has fields that other requests do not have.
 */
function withoutTunnel(request: Head, table: FieldTable, { target }: SubrequestOptions): Head {
  const { authority, scheme } = request
  if (target === undefined || authority === null)
    throw new FilterUseError('a subrequest of a tunnel has a target of its own')
  const path = new Field(':path', target)
  if (path.faults !== 0) throw new RangeError(':path with this value is not valid')
  return Head.request([
    table.field(':method', 'GET'),
    scheme ?? table.field(':scheme', 'http'),
    authority,
    path,
    ...request.fields.slice(request.pseudos).filter(({ name }) => !name.startsWith('sec-websocket-')),
  ])
}
