// Tells the operator the remedy for a fault, from error codes of the operating system and OpenSSL, and from
// the state of an engine.

import type { Fault } from '../continuation/index.js'
import type { Engine } from '../engine/index.js'
import type { EngineSet, ExchangeSession } from '../proxy/index.js'
import { type BackendUrl, parseBackend } from './address.js'
import type { Limits } from './limits.js'
import type { SettingNames } from './setting-names.js'

/** Hints by a pattern of the fault's detail. The first match counts. */
const HINTS: readonly (readonly [RegExp, string | ((names: SettingNames) => string)])[] = [
  [/\bECONNREFUSED\b/, 'nothing listens there'],
  [/\bENOENT\b/, 'there is no such socket'],
  [/\bEACCES\b/, 'not permitted to connect to it'],
  [/\bETIMEDOUT\b/, 'no answer within timeouts.connect'],
  [/\bE(?:HOSTUNREACH|NETUNREACH|ADDRNOTAVAIL)\b/, 'there is no network route to this address'],
  [/\b(?:ENOTFOUND|EAI_AGAIN)\b/, 'DNS does not know the name'],
  [/^ENODATA$/, 'DNS knows the name, and has no such records for it'],
  [/^ETIMEOUT$/, 'no DNS server answered'],
  [/^(?:ESERVFAIL|EREFUSED)$/, 'the DNS server could not answer'],
  [
    /\bERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)\b/,
    ({ scheme }) => `it does not speak TLS: write ${scheme('http')} or ${scheme('h2c')}`,
  ],
  [
    /\bERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL\b|\(ALPN\)/,
    ({ scheme }) => `it does not offer HTTP/2 over TLS: write ${scheme('https')}`,
  ],
  [
    /\bERR_TLS_CERT_ALTNAME_INVALID\b/,
    ({ backendName }) => `its certificate is for another name: write ${backendName}`,
  ],
  [
    /\b\w*(?:SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER))\w*\b/,
    ({ backendCa }) => `its certificate is not signed by a known authority: write ${backendCa}`,
  ],
  [/\bCERT_HAS_EXPIRED\b/, 'its certificate has expired'],
]

/** Hints for a backend that closes without an answer and has never answered: its scheme may be wrong. */
const SILENT: Readonly<Record<BackendUrl['scheme'], (scheme: SettingNames['scheme']) => string>> = {
  http: (scheme) =>
    `if it speaks TLS, write ${scheme('https')}; if it speaks HTTP/2 only, write ${scheme('h2c')}`,
  h2c: (scheme) =>
    `if it speaks HTTP/1.1, write ${scheme('http')}; if it speaks TLS, write ${scheme('h2')} or ${scheme('https')}`,
  https: (scheme) => `if it does not speak TLS, write ${scheme('http')} or ${scheme('h2c')}`,
  h2: (scheme) => `if it does not speak TLS, write ${scheme('http')} or ${scheme('h2c')}`,
}

/** Returns true if the endpoint of this name is an app of the program. */
const isApp = (name: string): boolean => name.startsWith('handler:')

/** Describes a fault for the operator, with a hint. @param engines the engines whose scheme may be wrong */
export function hinted(
  why: Fault | null,
  text: string,
  engines: EngineSet | null,
  names: SettingNames,
): string {
  const detail = why?.detail ?? text
  const known = HINTS.find(([sign]) => sign.test(detail))?.[1]
  if (known !== undefined) return `${detail} (${typeof known === 'string' ? known : known(names)})`
  const closed = why?.code === 'unanswered' || why?.code === 'backend-closed' || /\bECONNRESET\b/.test(detail)
  if (engines === null || engines.hasAnswered || !closed) return detail
  if (isApp(engines.name)) return detail
  return `${detail} (${SILENT[parseBackend(engines.name).scheme](names.scheme)})`
}

/**
 * Names the limit that kept a request waiting for a session of this engine, and how to raise it.
 * @param isTold true: the setting that ended the wait is named elsewhere
 */
export function leaseShortage(
  engine: Engine<ExchangeSession>,
  limits: Limits,
  names: SettingNames,
  isTold = false,
): string {
  const { sessions, opening, name } = engine
  const late = isTold
    ? 'no stream was free in time'
    : `it waited for proxy.leaseTimeoutMs=${limits.proxy.leaseTimeoutMs}`
  const open = sessions.filter((each) => each.state === 'open')
  if (open.length === 0)
    return opening > 0
      ? `${late}, and no connection is open yet (${opening} being opened): the backend is slow to accept`
      : `${late}, and no connection to the backend stays open`
  const capacity = Math.max(...open.map((each) => each.capacity))
  const scheme = isApp(name) ? 'http' : parseBackend(name).scheme
  const http2 = scheme === 'h2' || scheme === 'h2c'
  const sessionsName = http2 ? 'engine.sessionsMax' : 'server.http1SessionsMax'
  const usual = http2 ? limits.engine.sessionsMax : limits.server.http1SessionsMax
  const { sessionsMax } = engine.limits
  const { backendStreamsMax } = limits.http2
  const requests = `${capacity} ${capacity === 1 ? 'request' : 'requests'} at a time`
  const atOurLimit = (http2 || capacity > 1) && capacity >= backendStreamsMax
  const each = atOurLimit
    ? `${requests} (http2.backendStreamsMax=${backendStreamsMax})`
    : http2 || capacity > 1
      ? `${requests}, as the backend's SETTINGS allow`
      : requests
  const more = atOurLimit ? ', or raise http2.backendStreamsMax' : ''
  const carry = `${late}: ${open.length} ${open.length === 1 ? 'connection carries' : 'connections carry'} ${each}`
  if (sessions.length >= sessionsMax)
    return sessionsMax === usual
      ? `${carry}, and ${sessionsName}=${sessionsMax} is reached: raise ${names.sessions(sessionsName)}${more}`
      : `${carry}, and limits.sessions=${sessionsMax} of the backend is reached: raise it${more}`
  if (opening > 0) return `${carry}, and ${opening} more being opened: the backend is slow to accept`
  return `${carry}, and no other is opened for this client, or not before engine.reopenDelayMs=${limits.engine.reopenDelayMs} is over`
}
