// Explains why an address cannot be bound, and the remedy, from the operating system's error code.

import { dirname } from 'node:path'
import { type Address, formatAddress, UNIX_PATH_BYTES_MAX } from '../pollset/index.js'

type Text = string | ((folder: string, where: string) => string)

const inUse = (_: string, where: string): string => `it is in use by another program; choose another ${where}`

const TCP: Readonly<Record<string, Text>> = {
  EADDRINUSE: inUse,
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'not permitted; ports below 1024 may need more rights',
  EAFNOSUPPORT: 'this machine has no addresses of this family',
  ENOTFOUND: 'the name has no address',
  EAI_AGAIN: 'DNS did not answer; try again',
}

const UNIX: Readonly<Record<string, Text>> = {
  EADDRINUSE: inUse,
  ENOTSOCK: (_, where) => `a file is there that is not a socket; remove it, or choose another path ${where}`,
  ENOENT: (folder) => `the folder ${folder} does not exist`,
  ENOTDIR: (folder) => `${folder} is not a folder`,
  EACCES: (folder) => `not permitted to make or remove a file in ${folder}`,
  EPERM: (folder) => `not permitted to make or remove a file in ${folder}`,
  EROFS: (folder) => `${folder} cannot be written to`,
  ENAMETOOLONG: `the path is longer than ${UNIX_PATH_BYTES_MAX} bytes`,
}

/** @param where the place of another address: `with --listen` */
export function notListening(address: Address, code: string, where: string): string {
  const { path } = address
  const why = path === undefined ? TCP[code] : UNIX[code]
  const said = typeof why === 'function' ? why(dirname(path ?? ''), where) : why
  const text = said === undefined ? code : `${said} (${code})`
  return `cannot listen on ${formatAddress(address)}: ${text}`
}
