// Certificates for listeners: two of the testbed's, or any number made by openssl.

import { chmodSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathOf } from '../testbed/certificates/index.js'
import { run } from '../testbed/programs.js'

export interface PemFiles {
  readonly cert: string
  readonly key: string
}

/** Certificates of the testbed, for different names. */
export const ofTestbed = ['localhost', 'example'] as const

/** Copies those of the testbed to this folder, where only their owner may read the keys. */
export const copyCertificates = (folder: string): PemFiles[] =>
  ofTestbed.map((name) => {
    const copy = (file: string): string => {
      const to = join(folder, file)
      copyFileSync(pathOf(file), to)
      chmodSync(to, 0o600)
      return to
    }
    return { cert: copy(`${name}.pem`), key: copy(`${name}.key`) }
  })

/** The number of openssl processes at once. */
const ABREAST = 4

/** Makes certificates for `PREFIX0.test`, `PREFIX1.test` and on, in this folder. */
export async function makeCertificates(folder: string, prefix: string, count: number): Promise<PemFiles[]> {
  const made: PemFiles[] = []
  const make = async (): Promise<void> => {
    while (made.length < count) {
      const name = `${prefix}${made.length}`
      const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
      made.push(files)
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
      const names = ['-subj', `/CN=${name}.test`, '-addext', `subjectAltName=DNS:${name}.test`]
      const result = await run('openssl', [
        ...['req', '-x509', ...curve, ...names, '-days', '3650'],
        ...['-out', files.cert, '-keyout', files.key],
      ])
      if (result.code !== 0) throw new Error(`openssl: ${result.stderr}`)
    }
  }
  await Promise.all(Array.from({ length: ABREAST }, make))
  return made
}
