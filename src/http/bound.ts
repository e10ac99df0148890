// Credentials that authenticate a connection instead of a request: NTLM and Negotiate (RFC 4559 §6). A server
// that knows who is at the other end of a connection answers whoever uses it next as that client.

import type { Head } from './head.js'
import { Token } from './token.js'

const CREDENTIALS = /^(?:ntlm|negotiate)[ \t]+[^ \t]/i
/** One of a list of challenges. A bare scheme offers it, and says nothing of this connection. */
const CHALLENGE = /(?:^|,)[ \t]*(?:ntlm|negotiate)[ \t]+[^ \t,]/i

const isToken = (credentials: string | undefined): boolean =>
  credentials !== undefined && CREDENTIALS.test(credentials)

/** Whether a request has a token of these schemes. */
export const sendsToken = (request: Head): boolean =>
  isToken(request.find(Token.AUTHORIZATION)?.value) || isToken(request.find(Token.PROXY_AUTHORIZATION)?.value)

/**
 * Whether a final response makes its connection its client's: its challenge has a token, so a handshake is
 * under way there; or it answers a token other than by asking for credentials, so the client may be
 * authenticated, whatever the status.
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
