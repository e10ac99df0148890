// Assignments to the view of a filter (spec/filters.md, K5). They would change nothing, and where JavaScript
// is not strict, as in CommonJS, nothing would say so. So each one throws, and tells the method to call.

/** The owner of a property that a filter has assigned to. */
export interface Assigned {
  /** Notes a wrong use, and returns the error to throw. */
  misassigned(message: string): Error
}

const TARGET = 'call x.setTarget(PATH)'
const AUTHORITY = 'call x.setAuthority(HOST)'
const FIELDS = 'call x.fields.set(NAME, VALUE)'
const BODY = 'call x.setBody(BODY) after x.wholeBody'
const STATUS = 'call x.setStatus(STATUS)'

/** The methods to call, by the names that people assign to. */
const METHODS: Readonly<Record<string, string>> = {
  target: TARGET,
  path: TARGET,
  query: TARGET,
  url: TARGET,
  authority: AUTHORITY,
  host: AUTHORITY,
  fields: FIELDS,
  headers: FIELDS,
  body: BODY,
  status: STATUS,
  statusCode: STATUS,
  backend: 'call x.setBackend(NAME)',
  identity: 'call x.identify(IDENTITY)',
}

const method = (name: string): string | undefined =>
  Object.hasOwn(METHODS, name) ? METHODS[name] : undefined

/** Returns the advice for a property of the view or of its request. */
export const byMethod = (name: string): string => method(name) ?? 'filters only read it'

/** Returns the advice for a property of fields. */
export const byField = (name: string): string => `call x.fields.set(${JSON.stringify(name)}, VALUE)`

/**
 * Makes each assignment to a property of this class throw: to those that it has, and, if it is a base class,
 * to any other. Its methods are left.
 * @param what the name of its objects in messages
 * @param own the properties that its constructor assigns to
 */
export function refuseAssignments(
  made: { readonly prototype: object },
  what: string,
  advice: (name: string) => string,
  own: readonly string[] = [],
): void {
  const { prototype } = made
  const refuse = (owner: object, name: string): never => {
    throw (owner as Assigned).misassigned(`${what}.${name} cannot be assigned: ${advice(name)}`)
  }
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (property.get === undefined || property.set !== undefined) continue
    Object.defineProperty(prototype, name, {
      ...property,
      set(this: object) {
        refuse(this, name)
      },
    })
  }
  // A constructor's assignment finds this one first.
  for (const name of own) Object.defineProperty(prototype, name, { value: null, writable: true })
  if (Object.getPrototypeOf(prototype) !== Object.prototype) return
  const others = {
    set: (_: object, name: string | symbol, _value: unknown, owner: object): never =>
      refuse(owner, String(name)),
  }
  // Only a property that no class of the chain has is looked for here.
  Object.setPrototypeOf(prototype, new Proxy(Object.create(Object.prototype) as object, others))
}
