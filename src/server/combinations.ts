// Refuses combinations of options that cannot work together, by name, before anything starts. options.ts
// refuses mistakes in a single option.

import { formatAddress } from '../pollset/index.js'
import { ConfigError, type Listen, parseBackend } from './address.js'
import type { ServeOptions } from './options.js'

const HTTPS = 'write --listen https://HOST:PORT'

/** Refuses certificates that no listener would show or check. */
function checkListenersTls(options: ServeOptions, listen: readonly Listen[]): void {
  const secure = listen.some((each) => each.secure === true)
  const { cert = [], key = [], clientCa, requireClientCert } = options
  if (cert.length !== key.length)
    throw new ConfigError(`got ${cert.length} --cert but ${key.length} --key: each certificate needs its key`)
  if (secure && cert.length === 0)
    throw new ConfigError('an https:// listener needs --cert FILE and --key FILE')
  if (!secure && cert.length > 0) throw new ConfigError(`--cert is for https:// listeners: ${HTTPS}`)
  if (requireClientCert && clientCa === undefined)
    throw new ConfigError('--require-client-cert needs --client-ca FILE to check certificates against')
  if (!secure && clientCa !== undefined)
    throw new ConfigError(
      `--client-ca is for https:// listeners, since clear text has no certificates: ${HTTPS}`,
    )
  const clear = listen.find((each) => each.secure !== true)
  if (requireClientCert && clear !== undefined)
    throw new ConfigError(
      `--require-client-cert cannot hold on ${formatAddress(clear)}, which is in clear text: leave this listener out, or write https://`,
    )
}

function checkBackendsTls(options: ServeOptions, urls: readonly string[]): void {
  const { backendCa, backendName, backendInsecure } = options
  if (backendInsecure && backendCa !== undefined)
    throw new ConfigError(
      '--backend-insecure accepts any certificate, and --backend-ca checks them: leave out one',
    )
  if (urls.some((url) => ['https', 'h2'].includes(parseBackend(url).scheme))) return
  const named = [
    ['--backend-ca', backendCa],
    ['--backend-name', backendName],
    ['--backend-insecure', backendInsecure],
  ].find(([, value]) => value !== undefined)
  if (named !== undefined)
    throw new ConfigError(
      `${named[0]} is for backends over TLS, and no backend URL begins with https:// or h2://`,
    )
}

function checkAddresses(listen: readonly Listen[]): void {
  const texts = listen.filter((each) => each.path !== undefined || each.port !== 0).map(formatAddress)
  const twice = texts.find((each, at) => texts.indexOf(each) !== at)
  if (twice !== undefined) throw new ConfigError(`--listen ${twice} is given twice: leave out one`)
}

function checkDebug({ debug, debugTokenFile, debugSecrets }: ServeOptions): void {
  if (debug === undefined && (debugTokenFile !== undefined || debugSecrets))
    throw new ConfigError(
      `${debugTokenFile !== undefined ? '--debug-token-file' : '--debug-secrets'} is for debuggers: write --debug 127.0.0.1:4711`,
    )
  if (debug?.secure) throw new ConfigError('--debug takes no https://: write HOST:PORT or unix:PATH')
}

/** @param urls the URLs of all backends; empty for the embedded origin */
export function checkTogether(
  options: ServeOptions,
  listen: readonly Listen[],
  urls: readonly string[],
): void {
  checkListenersTls(options, listen)
  checkBackendsTls(options, urls)
  checkAddresses(listen)
  checkDebug(options)
  if (options.accessLogFormat !== undefined && options.accessLog === undefined)
    throw new ConfigError('--access-log-format is for an access log: add --access-log FILE')
  if (options.sendProxy !== undefined && urls.length === 0)
    throw new ConfigError(
      '--send-proxy is for backends of your own, and the embedded origin does not read PROXY headers: add --backend URL',
    )
  if (options.acceptProxy !== undefined && listen.every((each) => each.path !== undefined))
    throw new ConfigError(
      '--accept-proxy names networks, and clients of a Unix-domain socket have no address: add --listen HOST:PORT',
    )
}
