// Finds out whether a connect to a numeric address, or to a path, reaches a listener of this machine.

import { type BigIntStats, statSync } from 'node:fs'
import { isIP, SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Address } from '../door.js'
import { numericHost } from './networks.js'

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/** A connect to these reaches the machine itself. Linux takes `0.0.0.0` and `::` so too. */
const isLoopback = (host: string): boolean => ANY.has(host) || host === '::1' || host.startsWith('127.')

/** Returns true if a connect to `to` reaches a listener bound to `own`, or if that is uncertain. */
export function reaches(to: Address, own: Address): boolean {
  if (own.path !== undefined && to.path !== undefined)
    return own.path === to.path || isSameFile(own.path, to.path)
  if (own.path !== undefined || to.path !== undefined) return false
  if (to.port !== own.port) return false
  const [target, bound] = [canonical(to.host), canonical(own.host)]
  if (target === bound) return true
  if (ANY.has(bound)) return isLoopback(target) || isOurs(target)
  return ANY.has(target) && isLoopback(bound)
}

/**
 * Returns true if two paths lead to one file, even by symbolic or hard links. It looks each time a path is
 * dialled, since links may change. It blocks no longer than the following connect, which walks the same path.
 */
function isSameFile(one: string, other: string): boolean {
  const [first, second] = [fileAt(one), fileAt(other)]
  return first !== null && second !== null && first.dev === second.dev && first.ino === second.ino
}

/** Returns null if no file can be reached by this path: a connect fails there too. */
function fileAt(path: string): BigIntStats | null {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return null
  }
}

/** Returns the canonical text of an address, which may have several: `::ffff:7f00:1` is 127.0.0.1. */
function canonical(host: string): string {
  const version = isIP(host)
  if (version === 0) return host
  const { address } = new SocketAddress({ address: host, family: version === 4 ? 'ipv4' : 'ipv6' })
  return numericHost(address)
}

const isOurs = (host: string): boolean =>
  Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host))
