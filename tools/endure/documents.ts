// Configurations that differ: each revision has other paths, patterns and names of routes.

export interface DocumentShape {
  readonly plainPort: number
  readonly securePort: number
  readonly routes: number
  /** Paths of the PEM files that the TLS listener has, by the name of the certificate. */
  readonly certificates: ReadonlyMap<string, { readonly cert: string; readonly key: string }>
  /** Ports of the endpoints of HTTP/1.1. */
  readonly endpoints: readonly number[]
}

/** The path that answers with the revision. */
export const REVISION = '/revision'
/** The path that goes to the backend in each revision. */
export const SAME = '/same'

/** The routes that are the same in each revision. */
const FIXED = 2

/** One route in this number has a pattern. */
const PATTERN_EVERY = 10

function routeText(revision: number, at: number): string {
  const match =
    at % PATTERN_EVERY === 0
      ? `path: { pattern: "/r${revision}/p${at}/[a-z]+(/[0-9]+)?" }`
      : `path: /r${revision}/p${at}`
  return `  - { name: r${revision}-${at}, match: { hosts: [h${at % 7}.test], ${match} }, backend: app }`
}

export function documentOf(revision: number, shape: DocumentShape): string {
  const { plainPort, securePort, certificates, endpoints, routes } = shape
  const pems = [...certificates].map(
    ([name, { cert, key }]) => `  ${name}: { cert: { file: "${cert}" }, key: { file: "${key}" } }`,
  )
  const others = Array.from({ length: Math.max(0, routes - FIXED) }, (_, at) => routeText(revision, at))
  return `version: 1
listeners:
  plain: { address: "127.0.0.1:${plainPort}" }
  secure: { address: "127.0.0.1:${securePort}", tls: { certificates: [${[...certificates.keys()].join(', ')}] } }
certificates:
${pems.join('\n')}
backends:
  app: { protocol: http, endpoints: [${endpoints.map((each) => `"127.0.0.1:${each}"`).join(', ')}] }
routes:
  - { name: revision, match: { path: { exact: ${REVISION} } }, answer: { status: 200, body: "${revision}" } }
  - { name: same, match: { path: ${SAME} }, backend: app }
${others.join('\n')}
`
}
