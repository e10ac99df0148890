// The listeners and certificates of the configuration, and the proxies that are trusted in front of them.

import type {
  CertificateConfig,
  ListenerConfig,
  ListenerTlsConfig,
  TrustedProxiesConfig,
} from './configuration.js'
import { type Diagnostics, type Path, type Place, placeText } from './diagnostics.js'
import { entriesOf, type Named, type Names, type Part } from './parts.js'
import { redisListenerOf } from './redis.js'
import type { SecretText } from './scalars.js'
import type { BackendFile, ListenerFile } from './schema.js'

/** Warns if others may read a file with a secret. */
export function warnOfReaders(
  { file }: SecretText,
  place: Place,
  path: Path,
  diagnostics: Diagnostics,
): void {
  if (file === null || (file.mode & 0o077) === 0) return
  const mode = file.mode.toString(8).padStart(4, '0')
  diagnostics.warn(
    place,
    path,
    `others may read ${file.path} (mode ${mode}); chmod 600 keeps it to its owner`,
  )
}

export function certificatesOf(
  parts: readonly Part[],
  diagnostics: Diagnostics,
): ReadonlyMap<string, CertificateConfig> {
  const found = new Map<string, CertificateConfig>()
  for (const { name, value, document, path } of entriesOf(parts, 'certificates')) {
    const { cert, key } = value
    warnOfReaders(key, document.place([...path, 'key']), [...path, 'key'], diagnostics)
    found.set(name, {
      name,
      source: document.keyPlace(path.slice(0, -1), name),
      cert: cert.text,
      key: key.text,
    })
  }
  return found
}

export function listenersOf(
  parts: readonly Part[],
  names: Names,
  certificates: ReadonlyMap<string, CertificateConfig>,
  backends: ReadonlyMap<string, BackendFile>,
  diagnostics: Diagnostics,
): ListenerConfig[] {
  const addresses = new Map<string, Named<ListenerFile>>()
  return entriesOf(parts, 'listeners').map((entry) => {
    const { name, value, document, path } = entry
    const other = addresses.get(value.address)
    if (other === undefined) {
      // Each port 0 stands for another port.
      if (!value.address.endsWith(':0')) addresses.set(value.address, entry)
    } else {
      const place = placeText(other.document.place([...other.path, 'address']))
      const at = place === '' ? '' : ` (${place})`
      diagnostics.error(
        document.place([...path, 'address']),
        [...path, 'address'],
        `the address ${value.address} is that of the listener ${other.name}${at} too; take another`,
      )
    }
    return {
      name,
      source: document.keyPlace(path.slice(0, -1), name),
      address: value.address,
      tls: value.tls === undefined ? null : tlsOf(entry, value.tls, names, certificates, diagnostics),
      protocols: [...new Set(value.protocols ?? (['h2', 'http/1.1'] as const))],
      redis: redisListenerOf(entry, names, backends, diagnostics),
    }
  })
}

function tlsOf(
  { document, path }: Named<ListenerFile>,
  tls: NonNullable<ListenerFile['tls']>,
  names: Names,
  certificates: ReadonlyMap<string, CertificateConfig>,
  diagnostics: Diagnostics,
): ListenerTlsConfig {
  const base = [...path, 'tls']
  for (const [at, name] of tls.certificates.entries())
    names.check('certificates', name, document, [...base, 'certificates', at])
  const asked = tls.clientCertificate ?? (tls.clientCa === undefined ? 'none' : 'require')
  const written = [...base, 'clientCertificate']
  if (asked === 'none' && tls.clientCa !== undefined)
    diagnostics.error(
      document.place(written),
      written,
      'clientCa is written, and nothing is checked; write request or require',
    )
  if (asked !== 'none' && tls.clientCa === undefined && !document.isDamaged(base))
    diagnostics.error(
      document.place(written),
      written,
      `${asked} needs authorities; write clientCa: { file: ca.pem }`,
    )
  return {
    certificates: tls.certificates.flatMap((name) => certificates.get(name) ?? []),
    clientCa: tls.clientCa ?? null,
    clientCertificate: asked,
  }
}

export function trustedProxiesOf(parts: readonly Part[], diagnostics: Diagnostics): TrustedProxiesConfig {
  const found = only(parts, 'trustedProxies', diagnostics)
  if (found === null) return { addresses: [], fields: [], proxyProtocol: false }
  const { document, value } = found
  const { addresses, fields = [], proxyProtocol = false } = value
  const path = ['trustedProxies', 'fields']
  if (fields.includes('forwarded') && fields.includes('x-forwarded-for')) {
    const at = Math.max(fields.indexOf('forwarded'), fields.indexOf('x-forwarded-for'))
    diagnostics.error(
      document.place([...path, at]),
      [...path, at],
      'forwarded and x-forwarded-for both tell of the client, and may differ; leave out one',
    )
  }
  if (fields.length === 0 && !proxyProtocol && !document.isDamaged(['trustedProxies']))
    diagnostics.warn(
      document.keyPlace([], 'trustedProxies'),
      ['trustedProxies'],
      'nothing is believed; write fields: [x-forwarded-for, x-forwarded-proto], or proxyProtocol: true',
    )
  return { addresses, fields: [...new Set(fields)], proxyProtocol }
}

type Single = 'trustedProxies' | 'resolver'

/** Returns the only part that has this section. Reports a second one. */
export function only<S extends Single>(
  parts: readonly Part[],
  section: S,
  diagnostics: Diagnostics,
): { readonly document: Part['document']; readonly value: NonNullable<Part['value'][S]> } | null {
  const [first, ...more] = parts.filter((each) => each.value[section] !== undefined)
  if (first === undefined) return null
  for (const { document } of more)
    diagnostics.error(
      document.keyPlace([], section),
      [section],
      `it is written at ${placeText(first.document.keyPlace([], section))} too; leave out one`,
    )
  return { document: first.document, value: first.value[section] as NonNullable<Part['value'][S]> }
}
