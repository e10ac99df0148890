// The fields of a request that a fill leaves out: stored responses must not depend on them.

/** The fields that a fill leaves out: conditions, ranges, codings, the client's address, and other hosts. */
const NOT_FILLED: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range',
  'accept-encoding',
  'cache-control',
  'pragma',
  'expect',
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-original-url',
  'x-original-host',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
])

/** Returns true if a fill leaves out this field. */
export const isNotFilled = (name: string): boolean =>
  NOT_FILLED.has(name) || (name.startsWith('x-forwarded-') && name !== 'x-forwarded-proto')
