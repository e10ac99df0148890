// NTLM and Negotiate authenticate the connection, not the request (RFC 4559 §6). A server answers every later
// request on that connection as from the same client, so the connection must not be shared.

import type { Head } from './head.js'
import { Token } from './token.js'

const CREDENTIALS = /^(?:ntlm|negotiate)[ \t]+[^ \t]/i
/** A challenge with a token, in a list of challenges. A bare scheme is only an offer. */
const CHALLENGE = /(?:^|,)[ \t]*(?:ntlm|negotiate)[ \t]+[^ \t,]/i

const isToken = (credentials: string | undefined): boolean =>
  credentials !== undefined && CREDENTIALS.test(credentials)

/** Returns true if a request carries a token of these schemes. */
export const sendsToken = (request: Head): boolean =>
  isToken(request.find(Token.AUTHORIZATION)?.value) || isToken(request.find(Token.PROXY_AUTHORIZATION)?.value)

/**
 * Returns true if a final response binds its connection to its client. A challenge with a token does so,
 * since a handshake is under way. So does any status but 401 or 407 in answer to a token, since the client
 * may be authenticated.
 */
export function bindsConnection(response: Head, tokenSent: boolean): boolean {
  const asks = response.status === 401 || response.status === 407
  if (!asks) return tokenSent
  const { fields } = response
  for (let i = response.pseudos; i < fields.length; i++) {
    const { token, name, value } = fields[i]
    if (token !== Token.OTHER || (name !== 'www-authenticate' && name !== 'proxy-authenticate')) continue
    if (CHALLENGE.test(value)) return true
  }
  return false
}
