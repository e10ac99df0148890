// Certificates for tests, made by make.sh: for localhost, for example.test and its subdomains (with an ECDSA
// key, and with an RSA key), for one of those alone, one without subjectAltName, and a client's. An authority
// that nobody else knows has signed them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

// Compiled tests run from dist/; PEM files stay where they are.
const folder = join(import.meta.dirname, '..', '..', '..', '..', 'tools', 'testbed', 'certificates')
export const pathOf = (name: string): string => join(folder, name)
const read = (name: string): string => readFileSync(pathOf(name), 'utf8')
const pair = (name: string) => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) })

export const authority = read('authority.pem')
export const localhost = pair('localhost')
export const example = pair('example')
export const exampleRsa = pair('example-rsa')
export const www = pair('www')
export const commonName = pair('common-name')
export const client = pair('client')
