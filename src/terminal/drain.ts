// `fermata drain`: keeps new requests away from an endpoint, over the admin listener, for a time or
// until it is undone.

import type { DapObject } from '../debugger/index.js'
import { AdminClient } from './admin-client.js'
import type { TerminalOptions } from './connecting.js'
import { duration, printable } from './table.js'

export interface DrainOptions extends TerminalOptions {
  /** A time with a unit, in the server's format. */
  readonly for?: string
  readonly block?: boolean
  readonly undo?: boolean
}

export async function drain(
  address: string,
  backend: string,
  endpoint: string,
  options: DrainOptions,
): Promise<void> {
  const client = new AdminClient(address, options)
  const { for: time, block, undo } = options
  const change = { [block === true ? 'block' : 'drain']: true, ...(time === undefined ? {} : { for: time }) }
  try {
    const answer = await client.overlay(backend, endpoint, undo === true ? null : change)
    process.stdout.write(`${printable(textOf(answer))}\n`)
  } finally {
    client.leave()
  }
}

/** Returns a sentence about the endpoint's overlay. */
function textOf({ endpoint, overlay }: DapObject): string {
  if (typeof overlay !== 'object' || overlay === null) return `${String(endpoint)} is as configured`
  const { drain, block, weight, endsInMs } = overlay as DapObject
  const parts = [
    ...(block === true ? ['is blocked'] : drain === true ? ['drains'] : []),
    ...(typeof weight === 'number' ? [`has weight ${weight}`] : []),
  ]
  const time = typeof endsInMs === 'number' ? ` for ${duration(endsInMs)}` : ''
  return `${String(endpoint)} ${parts.join(' and ')}${time}`
}
