// Who is in front: a client's connection, as an exchange and a backend need to know it, whichever HTTP version it speaks.

import type { Address, Socket } from '../pollset/index.js'
import type { Field, FieldTable } from './field.js'

/** RFC 9110 §7.6.3, for requests that came by HTTP/`version`. */
export const viaField = (fields: FieldTable, version: '1.1' | '2'): Field =>
  fields.field('via', `${version} fermata`)

/** Whom a connection is from, and to: a client's own address and the one it reached, whoever relays between. */
export interface Ends {
  readonly from: Address
  readonly to: Address
}

/** The ends of a connection as the operating system tells them. */
export const endsOf = (socket: Socket): Ends => ({ from: socket.remote, to: socket.local })

/** Who is in front: one a frontend connection. */
export interface Client {
  readonly id: string
  /** What the requests it sends are marked with, by the HTTP version it speaks (RFC 9110 §7.6.3); made once. */
  readonly via: Field
  /** For `x-forwarded-for`; made once. */
  readonly forwardedFor: Field
  /** `http` or `https`, as the client connected. */
  readonly forwardedProto: Field
  /** Between whom its connection was made: what tells a backend of it. */
  readonly ends: Ends
}
