// Calls the listeners of an embedded proxy.

import type { EventEmitter } from 'node:events'
import type { ListenerCalls } from './embedded-parts.js'
import type { ErrorCallback, ProxyError, ProxyEvents } from './events.js'
import type { ProxyReply, ProxyRequest, UpgradeSocket } from './options.js'

export class ListenersOf implements ListenerCalls {
  private readonly emitter: EventEmitter
  private readonly untold: (error: unknown) => void

  /** @param untold is given an error that a listener of errors threw */
  constructor(emitter: object, untold: (error: unknown) => void) {
    this.emitter = emitter as EventEmitter
    this.untold = untold
  }

  listens(event: keyof ProxyEvents): boolean {
    return this.emitter.listenerCount(event) > 0
  }

  emit<E extends keyof ProxyEvents>(event: E, ...args: Parameters<ProxyEvents[E]>): void {
    this.emitter.emit(event, ...args)
  }

  /** Calls it, and throws nothing. */
  safely(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.untold(error)
    }
  }

  report(
    error: Error & Partial<ProxyError>,
    request: ProxyRequest,
    reply: ProxyReply | UpgradeSocket,
    target: string,
    callback: ErrorCallback | null,
  ): void {
    this.safely(() => {
      if (callback !== null) callback(error, request, reply, target)
      else if (this.listens('error')) this.emit('error', error, request, reply, target)
    })
  }
}
