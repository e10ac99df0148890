// The static table of HPACK (RFC 7541 Appendix A) as Field objects. They are constants, the same in every
// World, so an encoder finds a decoded entry by identity. Their uid is their index.

import { Field } from '../../http/field.js'

const TEXT = [
  ':authority',
  ':method GET',
  ':method POST',
  ':path /',
  ':path /index.html',
  ':scheme http',
  ':scheme https',
  ':status 200',
  ':status 204',
  ':status 206',
  ':status 304',
  ':status 400',
  ':status 404',
  ':status 500',
  'accept-charset',
  'accept-encoding gzip, deflate',
  'accept-language',
  'accept-ranges',
  'accept',
  'access-control-allow-origin',
  'age',
  'allow',
  'authorization',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'etag',
  'expect',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'link',
  'location',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'referer',
  'refresh',
  'retry-after',
  'server',
  'set-cookie',
  'strict-transport-security',
  'transfer-encoding',
  'user-agent',
  'vary',
  'via',
  'www-authenticate',
]

/** The number of entries. The indices of the dynamic table begin after it (RFC 7541 §2.3.3). */
export const STATIC_ENTRIES = TEXT.length

/** The entries by index. Index 0 is not an entry, but has a Field so that all elements have one type. */
export const STATIC_FIELDS: readonly Field[] = [
  new Field('', ''),
  ...TEXT.map((text, i) => {
    const space = text.indexOf(' ')
    return space < 0
      ? new Field(text, '', false, i + 1)
      : new Field(text.slice(0, space), text.slice(space + 1), false, i + 1)
  }),
]

/** The first index of each name. Entries of one name are neighbours. */
const FIRST: ReadonlyMap<string, number> = new Map(
  STATIC_FIELDS.map((field, i): [string, number] => [field.name, i])
    .slice(1)
    .reverse(),
)

/** Returns `:scheme` with this value. */
export function schemeField(scheme: 'http' | 'https'): Field {
  return STATIC_FIELDS[staticIndex(staticNameIndex(':scheme'), ':scheme', scheme)]
}

/** Returns the first static index of a name, or 0. */
export function staticNameIndex(name: string): number {
  const index = FIRST.get(name)
  return index === undefined ? 0 : index
}

/** Returns the static index of a name and value, or 0. `nameIndex`: see {@link staticNameIndex}. */
export function staticIndex(nameIndex: number, name: string, value: string): number {
  if (nameIndex === 0) return 0
  for (let i = nameIndex; i <= STATIC_ENTRIES && STATIC_FIELDS[i].name === name; i++) {
    if (STATIC_FIELDS[i].value === value) return i
  }
  return 0
}
