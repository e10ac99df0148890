// Says why an address cannot be bound and what to do, from the operating system's error code.

import { dirname } from 'node:path'
import { type Address, formatAddress, UNIX_PATH_BYTES_MAX } from '../pollset/index.js'

const TCP: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use by another program; choose another with --listen',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'not permitted; ports below 1024 may need more rights',
  EAFNOSUPPORT: 'this machine has no addresses of this family',
  ENOTFOUND: 'the name has no address',
  EAI_AGAIN: 'DNS did not answer; try again',
}

const UNIX: Readonly<Record<string, (folder: string) => string>> = {
  EADDRINUSE: () => 'it is in use by another program; choose another with --listen',
  ENOTSOCK: () => 'a file is there that is not a socket; remove it, or choose another path with --listen',
  ENOENT: (folder) => `the folder ${folder} does not exist`,
  ENOTDIR: (folder) => `${folder} is not a folder`,
  EACCES: (folder) => `not permitted to make or remove a file in ${folder}`,
  EPERM: (folder) => `not permitted to make or remove a file in ${folder}`,
  EROFS: (folder) => `${folder} cannot be written to`,
  ENAMETOOLONG: () => `the path is longer than ${UNIX_PATH_BYTES_MAX} bytes`,
}

/** @param option the option that names another address */
export function notListening(address: Address, code: string, option = '--listen'): string {
  const { path } = address
  const why = path === undefined ? TCP[code] : UNIX[code]?.(dirname(path))
  const text = why === undefined ? code : `${why.replace('--listen', option)} (${code})`
  return `cannot listen on ${formatAddress(address)}: ${text}`
}
