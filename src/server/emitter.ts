// Typed events, whose names are checked. src uses typed-emitter; the published interface is equal to it, and
// a test compares them. So no published declaration names a package that users do not install.

import { EventEmitter } from 'node:events'
import { hintFor } from './option-kinds.js'

/** The events of an emitter by name, with the signature of their listeners. */
export type EventMap = { [event: string]: (...args: never[]) => void }

/** Node's EventEmitter with typed events. */
export interface Emitter<Events extends EventMap> {
  addListener<E extends keyof Events>(event: E, listener: Events[E]): this
  on<E extends keyof Events>(event: E, listener: Events[E]): this
  once<E extends keyof Events>(event: E, listener: Events[E]): this
  prependListener<E extends keyof Events>(event: E, listener: Events[E]): this
  prependOnceListener<E extends keyof Events>(event: E, listener: Events[E]): this
  off<E extends keyof Events>(event: E, listener: Events[E]): this
  removeAllListeners<E extends keyof Events>(event?: E): this
  removeListener<E extends keyof Events>(event: E, listener: Events[E]): this
  emit<E extends keyof Events>(event: E, ...args: Parameters<Events[E]>): boolean
  eventNames(): (keyof Events | string | symbol)[]
  rawListeners<E extends keyof Events>(event: E): Events[E][]
  listeners<E extends keyof Events>(event: E): Events[E][]
  listenerCount<E extends keyof Events>(event: E): number
  getMaxListeners(): number
  setMaxListeners(maxListeners: number): this
}

type Listener = (...args: never[]) => void
type Name = string | symbol

/** Events of Node's own. */
const OF_NODE = ['newListener', 'removeListener']

/** Node's EventEmitter, which takes listeners only for events that it has. */
class KnownEvents extends EventEmitter {
  private readonly names: readonly string[]

  constructor(names: readonly string[]) {
    super()
    this.names = names
  }

  private check(name: Name): void {
    const { names } = this
    if (typeof name === 'string' && !names.includes(name) && !OF_NODE.includes(name))
      throw new TypeError(`there is no event '${name}'${hintFor(name, names)}`)
  }

  // `once` calls `on`, and `prependOnceListener` calls `prependListener`.

  override on(name: Name, listener: Listener): this {
    this.check(name)
    return super.on(name, listener as never)
  }

  override addListener(name: Name, listener: Listener): this {
    return this.on(name, listener)
  }

  override prependListener(name: Name, listener: Listener): this {
    this.check(name)
    return super.prependListener(name, listener as never)
  }
}

/** Returns a class of emitters of these events. */
export function emitterOf<Events extends EventMap>(
  names: Readonly<Record<keyof Events, true>>,
): new () => Emitter<Events> {
  const all = Object.keys(names)
  class Emits extends KnownEvents {
    constructor() {
      super(all)
    }
  }
  return Emits as unknown as new () => Emitter<Events>
}
