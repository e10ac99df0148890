// Refuses combinations of options that cannot work together, by name, before anything starts. options.ts
// refuses mistakes in a single option.

import { formatAddress } from '../pollset/index.js'
import { ConfigError, type Listen, parseBackend } from './address.js'
import type { ServeOptions } from './options.js'
import type { RedisCommandOptions } from './redis-command.js'
import type { RunOptions, TlsOptions } from './shared-options.js'

/** The words of a command: the scheme of its listeners over TLS, and the schemes of such backends. */
interface Schemes {
  readonly listener: string
  /** With its article. */
  readonly aListener: string
  readonly backends: string
}

const HTTP: Schemes = { listener: 'https://', aListener: 'an https://', backends: 'https:// or h2://' }
const REDIS: Schemes = { listener: 'rediss://', aListener: 'a rediss://', backends: 'rediss://' }

/** Refuses certificates that no listener would show or check. */
function checkListenersTls(options: TlsOptions, listen: readonly Listen[], schemes: Schemes): void {
  const secure = listen.some((each) => each.secure === true)
  const { cert = [], key = [], clientCa, requireClientCert } = options
  const { listener, aListener } = schemes
  const remedy = `write --listen ${listener}HOST:PORT`
  if (cert.length !== key.length)
    throw new ConfigError(`got ${cert.length} --cert but ${key.length} --key: each certificate needs its key`)
  if (secure && cert.length === 0)
    throw new ConfigError(`${aListener} listener needs --cert FILE and --key FILE`)
  if (!secure && cert.length > 0) throw new ConfigError(`--cert is for ${listener} listeners: ${remedy}`)
  if (requireClientCert && clientCa === undefined)
    throw new ConfigError('--require-client-cert needs --client-ca FILE to check certificates against')
  if (!secure && clientCa !== undefined)
    throw new ConfigError(
      `--client-ca is for ${listener} listeners, since clear text has no certificates: ${remedy}`,
    )
  const clear = listen.find((each) => each.secure !== true)
  if (requireClientCert && clear !== undefined)
    throw new ConfigError(
      `--require-client-cert cannot hold on ${formatAddress(clear)}, which is in clear text: leave this listener out, or write ${listener}`,
    )
}

/** @param secure true: there is a backend over TLS */
function checkBackendsTls(options: TlsOptions, secure: boolean, { backends }: Schemes): void {
  const { backendCa, backendName, backendInsecure } = options
  if (backendInsecure && backendCa !== undefined)
    throw new ConfigError(
      '--backend-insecure accepts any certificate, and --backend-ca checks them: leave out one',
    )
  if (secure) return
  const named = [
    ['--backend-ca', backendCa],
    ['--backend-name', backendName],
    ['--backend-insecure', backendInsecure],
  ].find(([, value]) => value !== undefined)
  if (named !== undefined)
    throw new ConfigError(`${named[0]} is for backends over TLS, and no backend URL begins with ${backends}`)
}

function checkAddresses(listen: readonly Listen[]): void {
  const texts = listen.filter((each) => each.path !== undefined || each.port !== 0).map(formatAddress)
  const twice = texts.find((each, at) => texts.indexOf(each) !== at)
  if (twice !== undefined) throw new ConfigError(`--listen ${twice} is given twice: leave out one`)
}

function checkClear(option: string, address: Listen | undefined): void {
  if (address?.secure) throw new ConfigError(`${option} takes no https://: write HOST:PORT or unix:PATH`)
}

function checkOperators(options: RunOptions): void {
  const { debug, debugTokenFile, debugSecrets, admin, adminTokenFile, probes } = options
  if (debug === undefined && (debugTokenFile !== undefined || debugSecrets))
    throw new ConfigError(
      `${debugTokenFile !== undefined ? '--debug-token-file' : '--debug-secrets'} is for debuggers: write --debug 127.0.0.1:4711`,
    )
  if (admin === undefined && adminTokenFile !== undefined)
    throw new ConfigError('--admin-token-file is for operators: write --admin 127.0.0.1:9901')
  if (admin !== undefined && admin.path === undefined && adminTokenFile === undefined)
    throw new ConfigError(
      '--admin needs --admin-token-file FILE over TCP: add it, or write --admin unix:PATH',
    )
  checkClear('--debug', debug)
  checkClear('--admin', admin)
  checkClear('--probes', probes)
}

/** Makes the checks that both commands have. */
function checkBoth(options: RedisCommandOptions | ServeOptions, listen: readonly Listen[]): void {
  if (options.accessLogFormat !== undefined && options.accessLog === undefined)
    throw new ConfigError('--access-log-format is for an access log: add --access-log FILE')
  checkAddresses(listen)
  checkOperators(options)
  if (options.acceptProxy !== undefined && listen.every((each) => each.path !== undefined))
    throw new ConfigError(
      '--accept-proxy names networks, and clients of a Unix-domain socket have no address: add --listen HOST:PORT',
    )
}

/** Checks the options of `fermata redis`. @param secure true: its servers are spoken to over TLS */
export function checkRedisTogether(
  options: RedisCommandOptions,
  listen: readonly Listen[],
  secure: boolean,
): void {
  checkListenersTls(options, listen, REDIS)
  if (options.accessLogSlowerThan !== undefined && options.accessLog === undefined)
    throw new ConfigError('--access-log-slower-than is for an access log: add --access-log FILE')
  checkBackendsTls(options, secure, REDIS)
  checkBoth(options, listen)
}

const isSecure = (url: string): boolean => ['https', 'h2'].includes(parseBackend(url).scheme)

/** @param urls the URLs of all backends; empty for the embedded origin */
export function checkTogether(
  options: ServeOptions,
  listen: readonly Listen[],
  urls: readonly string[],
): void {
  checkListenersTls(options, listen, HTTP)
  checkBackendsTls(options, urls.some(isSecure), HTTP)
  checkBoth(options, listen)
  if (options.sendProxy !== undefined && urls.length === 0)
    throw new ConfigError(
      '--send-proxy is for backends of your own, and the embedded origin does not read PROXY headers: add --backend URL',
    )
}
