// Chooses the certificates that a TLS listener presents, by the name that the client sends (SNI, RFC 6066
// §3). An exact name wins over a wildcard, regardless of their order in the configuration. Certificates for
// one name with different kinds of keys (RSA, ECDSA) form a group, from which OpenSSL presents the one that
// the client's signature algorithms allow (RFC 8446 §4.4.2.2).

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Certificate } from '../tls.js'

/** RFC 9113 §9.2 requires at least TLS 1.2. We offer nothing older, for HTTP/1.1 either. */
export const VERSION_MIN = 'TLSv1.2'

/** Calls `make`, and prefixes an error of OpenSSL with `what`. */
export function explained<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`${what} (${error instanceof Error ? error.message : String(error)})`)
  }
}

/** Returns the authorities for a context. Node ignores text that is not PEM, and would then trust nobody. */
export function trusting(ca: string | undefined, forWhom: string): { ca?: string } {
  if (ca === undefined) return {}
  explained(`the authorities ${forWhom} are not PEM certificates`, () => new X509Certificate(ca))
  return { ca }
}

/** One entry of subjectAltName as Node writes it; a value with special characters is a JSON string. */
const ALTERNATIVE = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy
const HOST = /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/

/**
 * Returns the host names of a certificate, in lower case. The subject's CN counts only if subjectAltName has
 * no host name (RFC 6125 §6.4.4).
 */
function namesOf(certificate: X509Certificate): string[] {
  const alternatives = [...(certificate.subjectAltName ?? '').matchAll(ALTERNATIVE)]
  const names = alternatives.filter(([, kind]) => kind === 'DNS').map(([, , value]) => value)
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] }
  const found = names.length > 0 || CN === undefined ? names : [CN].flat()
  return [...new Set(found.map((each) => each.toLowerCase()))].filter((each) => HOST.test(each))
}

/** A certificate that was checked with its key. It can be cloned to another thread. */
export interface Identity {
  readonly cert: string
  readonly key: string
  readonly names: readonly string[]
  /** `rsa`, `ec`, …: an OpenSSL context holds one certificate of each type. */
  readonly keyType: string
  /** The time at which it expires, in ms since 1970. */
  readonly expiresAt: number
}

const prefixOf = ({ from }: Certificate): string => (from === undefined ? '' : `${from}: `)

/** Throws if the certificate or the key is malformed, or if the two do not belong together. */
function identityOf(of: Certificate): Identity {
  const { cert, key } = of
  const prefix = prefixOf(of)
  const certificate = explained(
    `${prefix}the certificate is not a PEM certificate`,
    () => new X509Certificate(cert),
  )
  const privateKey = explained(`${prefix}the key is not a PEM private key without a passphrase`, () =>
    createPrivateKey(key),
  )
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error(`${prefix}the key does not belong to the certificate`)
  explained(`${prefix}TLS does not take the certificate or its key`, () =>
    createSecureContext({ cert, key, minVersion: VERSION_MIN }),
  )
  return {
    cert,
    key,
    names: namesOf(certificate),
    keyType: certificate.publicKey.asymmetricKeyType ?? '',
    expiresAt: Date.parse(certificate.validTo),
  }
}

/** The number of certificates that are kept. When it is reached, all are read again. */
const KNOWN_MAX = 4_096

/** Certificates that were read before: reading a certificate takes a third of a millisecond. */
export class KnownCertificates {
  private readonly known = new Map<string, Identity>()

  /** Reads a certificate and its key. Throws if one is malformed, or if the two do not belong together. */
  read(certificate: Certificate): Identity {
    const identity = this.known.get(certificate.cert + certificate.key) ?? identityOf(certificate)
    this.learn([identity])
    return identity
  }

  /** The identities read so far. */
  get all(): readonly Identity[] {
    return [...this.known.values()]
  }

  /** Adds identities that another thread has read. */
  learn(identities: readonly Identity[]): void {
    if (this.known.size + identities.length > KNOWN_MAX) this.known.clear()
    for (const each of identities) this.known.set(each.cert + each.key, each)
  }
}

/** An identity, and the prefix of messages about it. */
interface Presented extends Identity {
  readonly prefix: string
}

/** Returns the first identity of each key type. */
function oneOfEach(identities: readonly Presented[]): Presented[] {
  const types = new Map<string, Presented>()
  for (const each of identities) if (!types.has(each.keyType)) types.set(each.keyType, each)
  return [...types.values()]
}

/** Certificates presented for the same names, and their keys, in Node's form. */
export interface CertificateGroup {
  readonly cert: readonly string[]
  readonly key: readonly string[]
  /** The prefix of messages about them. */
  readonly from: string
}

const groupOf = (identities: readonly Presented[]): CertificateGroup => ({
  cert: identities.map((each) => each.cert),
  key: identities.map((each) => each.key),
  from: identities.map((each) => each.prefix).join(''),
})

export class Certificates {
  /**
   * The groups. The first serves clients that name no server or an unknown one. It has the first certificate,
   * and others for all names of that certificate.
   */
  readonly groups: readonly CertificateGroup[]
  /** The index in {@link groups} of each name. */
  private readonly byName = new Map<string, number>()

  /**
   * Throws if a certificate or key is malformed, if the two do not belong together, or if a certificate would
   * never be presented.
   */
  constructor(certificates: readonly Certificate[], known = new KnownCertificates()) {
    if (certificates.length === 0) throw new TypeError('TLS needs a certificate')
    const identities = certificates.map((each) => ({ ...known.read(each), prefix: prefixOf(each) }))
    const [first] = identities
    const coversFirst = (each: Presented) =>
      each === first || first.names.every((name) => each.names.includes(name))
    const groups = [first.names.length === 0 ? [first] : oneOfEach(identities.filter(coversFirst))]
    const presenting = new Map<string, Presented[]>()
    for (const each of identities)
      for (const name of each.names) {
        const others = presenting.get(name)
        if (others === undefined) presenting.set(name, [each])
        else others.push(each)
      }
    const places = new Map(identities.map((each, place) => [each, place]))
    const keyOf = (group: readonly Presented[]) => group.map((each) => places.get(each)).join()
    const numbers = new Map([[keyOf(groups[0]), 0]])
    for (const [name, all] of presenting) {
      const group = oneOfEach(all)
      const key = keyOf(group)
      const same = numbers.get(key) ?? groups.push(group) - 1
      numbers.set(key, same)
      this.byName.set(name, same)
    }
    const shown = new Set(groups.flat())
    for (const each of identities) if (!shown.has(each)) throw new Error(each.prefix + neverShown(each))
    this.groups = groups.map(groupOf)
  }

  /** Returns the index in {@link groups} for this server name. */
  groupFor(serverName: string): number {
    const name = serverName.toLowerCase().replace(/\.$/, '')
    // A wildcard stands for one whole label (RFC 9525 §6.3).
    const wildcard = `*${name.slice(name.indexOf('.'))}`
    return this.byName.get(name) ?? this.byName.get(wildcard) ?? 0
  }
}

const neverShown = ({ names, keyType }: Identity): string =>
  names.length === 0
    ? 'it would never be shown: it names no host, and another certificate comes first'
    : `it would never be shown: certificates before it have ${keyType} keys for ${names.join(', ')} too; leave out one`

/**
 * Throws the error that a listener with these certificates would throw. @param known is given what is read
 */
export function checkCertificates(certificates: readonly Certificate[], known: KnownCertificates): void {
  new Certificates(certificates, known)
}

/** Throws if the text is not PEM certificates of authorities. */
export function checkAuthorities(ca: string): void {
  explained('these are not PEM certificates of authorities', () => new X509Certificate(ca))
}

/** Returns the certificate for clients that ask for this server name. */
export function certificateFor<C extends Certificate>(certificates: readonly C[], serverName: string): C {
  const all = new Certificates(certificates)
  const { cert } = all.groups[all.groupFor(serverName)]
  return certificates.find((each) => each.cert === cert[0]) ?? certificates[0]
}
