// The kinds of requests that a server has, for its debugger and for its lists.

import type { Hiding } from '../proxy/index.js'
import type { Backends } from './backends.js'
import { CommandTarget, type KeyHiding } from './command-target.js'
import { ExchangeTarget } from './exchange-target.js'
import { RelayTarget } from './relay-target.js'
import { RequestTarget } from './request-target.js'
import type { Server } from './server.js'

export interface Shown {
  /** True if credentials are shown. */
  readonly secrets: boolean
  /** The parts of exchanges that are hidden too; null: none. */
  readonly hiding: () => Hiding | null
  readonly keyHiding: KeyHiding
}

export function requestTarget(server: Server, backends: Backends, { secrets, hiding, keyHiding }: Shown) {
  return new RequestTarget(server.world, [
    new ExchangeTarget(server, backends, secrets, hiding),
    new CommandTarget(server.redis, keyHiding),
    new RelayTarget(server.redis),
  ])
}
