// The allowed addresses of a target that a function of the program has named. Such a function often follows
// the request, and a client must not reach what only the program can reach.

import { Networks } from '../../pollset/index.js'
import { ConfigError } from '../address.js'

/** Networks that are not the public internet (RFC 6890). */
const NOT_PUBLIC = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '64:ff9b::/96',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
] as const

const PRIVATE = 'a private address, which allowPrivate does not allow'
const LOCAL = 'a Unix-domain socket, which needs allowPrivate: true'

/**
 * Returns a test for addresses: it says why one must not be connected to, and null for public ones and those
 * of these networks.
 */
export function refusalBeside(allowPrivate: boolean | readonly string[]): (host: string) => string | null {
  if (allowPrivate === true) return () => null
  const closed = new Networks([...NOT_PUBLIC])
  let open: Networks
  try {
    open = new Networks(allowPrivate === false ? [] : allowPrivate)
  } catch (error) {
    throw new ConfigError(`allowPrivate: ${(error as Error).message}`)
  }
  return (host) => {
    if (host === '') return LOCAL
    return closed.has(host) && !open.has(host) ? PRIVATE : null
  }
}
