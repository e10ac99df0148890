// The static table of HPACK (RFC 7541 Appendix A) as Field objects: constants, the same for every
// connection and World, so that they travel by identity from any decoder to any encoder. Their
// uid is their index. An encoder never keeps a memo on them: it sends the index.

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

/** Entries of the static table; the dynamic table's indices begin above (RFC 7541 §2.3.3). */
export const STATIC_ENTRIES = TEXT.length

/** By index. Place 0 is no entry; it is filled so that every element is a Field. */
export const STATIC_FIELDS: readonly Field[] = [
  new Field('', ''),
  ...TEXT.map((text, i) => {
    const space = text.indexOf(' ')
    return space < 0
      ? new Field(text, '', false, i + 1)
      : new Field(text.slice(0, space), text.slice(space + 1), false, i + 1)
  }),
]

/** By name, its first index. Entries of one name are neighbours. */
const FIRST: ReadonlyMap<string, number> = new Map(
  STATIC_FIELDS.map((field, i): [string, number] => [field.name, i])
    .slice(1)
    .reverse(),
)

/** The first static index of this name, or 0. */
export function staticNameIndex(name: string): number {
  const index = FIRST.get(name)
  return index === undefined ? 0 : index
}

/** The static index of this very name and value, or 0. `nameIndex` is what {@link staticNameIndex} gave. */
export function staticIndex(nameIndex: number, name: string, value: string): number {
  if (nameIndex === 0) return 0
  for (let i = nameIndex; i <= STATIC_ENTRIES && STATIC_FIELDS[i].name === name; i++) {
    if (STATIC_FIELDS[i].value === value) return i
  }
  return 0
}
