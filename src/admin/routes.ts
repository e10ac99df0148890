// The routes of the admin listener: methods and paths, and which of them need the token.

/** A question that is allowed. */
export interface AdminQuestion {
  readonly method: string
  /** The text in place of each `{NAME}` of the path, decoded. */
  readonly parts: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** The body, read as JSON; undefined without one. */
  readonly body: unknown
}

export interface AdminAnswer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Answers once, at once or later. */
export type AdminAnswers = (question: AdminQuestion, done: (answer: AdminAnswer) => void) => void

export interface AdminRoute {
  readonly method: string
  /** The path, such as `/backends/{backend}/endpoints/{endpoint}`. */
  readonly path: string
  /** The result or effect, for the description. */
  readonly about: string
  /** True if nobody needs a token for it. */
  readonly open: boolean
  /** The description of its body, as JSON Schema. */
  readonly body?: unknown
  readonly answers: AdminAnswers
}

export const json = (value: unknown, status = 200): AdminAnswer => ({
  status,
  type: 'application/json',
  text: `${JSON.stringify(value)}\n`,
})

export const error = (status: number, text: string): AdminAnswer => json({ error: text }, status)

export const plain = (status: number, text: string): AdminAnswer => ({
  status,
  type: 'text/plain; charset=utf-8',
  text: `${text}\n`,
})

export type Found =
  | { readonly route: AdminRoute; readonly parts: Readonly<Record<string, string>> }
  /** The methods of the path; none if there is no such path. */
  | { readonly methods: readonly string[] }

export class AdminRoutes {
  readonly all: readonly AdminRoute[]

  constructor(all: readonly AdminRoute[]) {
    this.all = all
  }

  find(method: string, path: string): Found {
    const methods: string[] = []
    for (const route of this.all) {
      const parts = partsOf(route.path, path)
      if (parts === null) continue
      if (route.method === method || (route.method === 'GET' && method === 'HEAD')) return { route, parts }
      methods.push(route.method)
    }
    return { methods }
  }

  /** Returns a description in the form of OpenAPI 3.1. */
  describe(version: string): unknown {
    const paths: Record<string, Record<string, unknown>> = {}
    for (const { method, path, about, open, body } of this.all) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      paths[path] ??= {}
      paths[path][method.toLowerCase()] = {
        summary: about,
        ...(open ? { security: [] } : {}),
        ...(names.length === 0
          ? {}
          : {
              parameters: names.map((name) => ({
                name,
                in: 'path',
                required: true,
                schema: { type: 'string' },
              })),
            }),
        ...(body === undefined ? {} : { requestBody: { content: { 'application/json': { schema: body } } } }),
        responses: { default: { description: 'The answer, or `{ "error": TEXT }`.' } },
      }
    }
    return {
      openapi: '3.1.0',
      info: { title: 'Fermata admin', version },
      security: [{ token: [] }],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      paths,
    }
  }
}

function partsOf(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const parts: Record<string, string> = {}
  for (const [at, each] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(each)?.[1]
    if (name === undefined) {
      if (each !== given[at]) return null
      continue
    }
    const value = decoded(given[at])
    if (value === null || value === '') return null
    parts[name] = value
  }
  return parts
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
