// The credentials of a request, and the challenge for them (RFC 7617, RFC 6750).

import type { ReadFields } from '../../proxy/index.js'
import type { OptionReading, OptionTypes } from '../define.js'
import type { Credentials } from './password-checks.js'
import { hasControl } from './users.js'

/**
 * Returns the text after the scheme in the only Authorization of a request; null without one,
 * or with several.
 */
export function authorizationOf(fields: ReadFields, scheme: string): string | null {
  const lines = fields.lines('authorization')
  if (lines.length !== 1) return null
  const [, named, rest] = /^([A-Za-z]+) +(\S.*)$/.exec(lines[0]) ?? []
  return named?.toLowerCase() === scheme ? rest : null
}

/** Reads the credentials of Basic (RFC 7617 §2); null if they are malformed. */
export function readBasic(token: string): Credentials | null {
  if (!/^[A-Za-z\d+/]+={0,2}$/.test(token)) return null
  const bytes = Buffer.from(token, 'base64')
  const colon = bytes.indexOf(0x3a)
  if (colon < 0) return null
  const user = bytes.toString('utf8', 0, colon)
  const password = bytes.subarray(colon + 1)
  // Some hashes end at a NUL.
  return hasControl(user) || hasControl(password.toString('latin1')) ? null : { user, password }
}

const REALM_CHARS_MAX = 100

/** The option `realm`: text of a quoted string, without quotes. */
export const realmOption = (types: OptionTypes) =>
  types.text('The name of the area, which clients show. Default: the name of the route.', 'text', readRealm)

export function readRealm(text: string): OptionReading<string> {
  if (text.length > REALM_CHARS_MAX || !/^[ !#-[\]-~]+$/.test(text))
    return {
      wrong: `${JSON.stringify(text)} cannot be a realm; write at most ${REALM_CHARS_MAX} characters of ASCII, without " and \\`,
    }
  return { value: text }
}

/** Returns a text in the form for a quoted string. */
export const quotable = (text: string): string => text.replace(/[^ !#-[\]-~]/g, '_')

/** The option `credentials`: the treatment of checked credentials. */
export const credentialsOption = (types: OptionTypes) =>
  types.word('The treatment of checked credentials: the backend gets them, or not. Default: remove.', [
    'remove',
    'pass',
  ])
