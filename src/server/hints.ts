// What an operator can do about a fault: from the operating system's codes, from OpenSSL's, and from the
// state of an engine.

import type { Fault } from '../continuation/index.js'
import type { Engine } from '../engine/index.js'
import type { Backend, ExchangeSession } from '../proxy/index.js'
import { parseBackend } from './address.js'
import type { Limits } from './limits.js'

/** By what a fault's detail has in it; the first that fits. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/\bECONNREFUSED\b/, 'nothing listens there'],
  [/\bENOENT\b/, 'there is no such socket'],
  [/\bEACCES\b/, 'not permitted to connect to it'],
  [/\bETIMEDOUT\b/, 'no answer within connectMs'],
  [/\bE(?:HOSTUNREACH|NETUNREACH|ADDRNOTAVAIL)\b/, 'there is no way to this address'],
  [/\b(?:ENOTFOUND|EAI_AGAIN)\b/, 'the name is not known here'],
  [
    /\bERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)\b/,
    'it does not speak TLS: write http:// or h2c://',
  ],
  [
    /\bERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL\b|\(ALPN\)/,
    'it does not offer HTTP/2 over TLS: write https://',
  ],
  [/\bERR_TLS_CERT_ALTNAME_INVALID\b/, 'its certificate is for another name: --backend-name NAME'],
  [
    /\b\w*(?:SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER))\w*\b/,
    'its certificate is not signed by a known authority: --backend-ca FILE',
  ],
  [/\bCERT_HAS_EXPIRED\b/, 'its certificate has expired'],
]

/** What may be meant where a backend says nothing: it has never answered a request. */
const SILENT = {
  http: 'if it speaks TLS, write https://; if it speaks HTTP/2 only, write h2c://',
  h2c: 'if it speaks HTTP/1.1, write http://; if it speaks TLS, write h2:// or https://',
  https: 'if it does not speak TLS, write http:// or h2c://',
  h2: 'if it does not speak TLS, write http:// or h2c://',
} as const

/** The fault for the operator, with what can be done about it. `backend`: whose silence it may be. */
export function hinted(why: Fault | null, text: string, backend: Backend | null): string {
  const detail = why?.detail ?? text
  const known = HINTS.find(([sign]) => sign.test(detail))
  if (known !== undefined) return `${detail} (${known[1]})`
  const closed = why?.code === 'unanswered' || why?.code === 'backend-closed' || /\bECONNRESET\b/.test(detail)
  if (backend === null || backend.hasAnswered || !closed) return detail
  return `${detail} (${SILENT[parseBackend(backend.name).scheme]})`
}

/** Which bound kept a request waiting for a session of this engine, and how to raise it. */
export function leaseShortage(engine: Engine<ExchangeSession>, limits: Limits): string {
  const { sessions, opening, name } = engine
  const late = `it waited for proxy.leaseTimeoutMs=${limits.proxy.leaseTimeoutMs}`
  const open = sessions.filter((each) => each.state === 'open')
  if (open.length === 0)
    return opening > 0
      ? `${late}, and no connection is open yet (${opening} being made): the backend is slow to accept`
      : `${late}, and no connection to the backend stays open`
  const capacity = Math.max(...open.map((each) => each.capacity))
  const { scheme } = parseBackend(name)
  const http2 = scheme === 'h2' || scheme === 'h2c'
  const sessionsName = http2 ? 'engine.sessionsMax' : 'server.http1SessionsMax'
  const sessionsMax = http2 ? limits.engine.sessionsMax : limits.server.http1SessionsMax
  const requests = capacity === 1 ? '1 request' : `${capacity} requests`
  const each =
    !http2 && capacity === 1
      ? 'one request at a time'
      : capacity >= limits.http2.backendStreamsMax
        ? `http2.backendStreamsMax=${requests} at a time`
        : `${requests} at a time, as the backend's SETTINGS allow`
  const carry = `${late}: ${open.length} ${open.length === 1 ? 'connection carries' : 'connections carry'} ${each}`
  if (sessions.length >= sessionsMax)
    return `${carry}, and ${sessionsName}=${sessionsMax} is reached: raise it with --limit ${sessionsName}=N${each.startsWith('one') ? '' : ', or what each may carry'}`
  if (opening > 0) return `${carry}, and ${opening} more being made: the backend is slow to accept`
  return `${carry}, and no further one is made for this client or before engine.reopenDelayMs=${limits.engine.reopenDelayMs} is over`
}
