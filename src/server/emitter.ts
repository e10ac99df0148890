// Typed events. Inside, the type is typed-emitter's; what is published is this interface, which says the
// same (a test compares the two), so that no declaration that a user compiles names a package that the user
// does not install.

/** The events of an emitter by name, and what each listener is given. */
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
