// The part of the schema for routes.

import { z } from 'zod'
import { optionsSchema, readPath, redirect, respond } from '../filters/index.js'
import {
  isName,
  NAME_FORM,
  readFieldName,
  readFieldValue,
  readHostPattern,
  readMethod,
  readNetwork,
  readPattern,
} from './forms.js'
import { chooserSchema } from './live.js'
import { type Reading, read, wrong } from './quantities.js'
import type { Scalars } from './scalars.js'
import type { FilterListSchema } from './schema-filters.js'
import { routing, type shared } from './schema-shared.js'

/** A bound above any useful count. */
const MANY = 1_000_000
const quoted = (text: string): string => JSON.stringify(text)

function match(s: Scalars) {
  const path = (description: string) => s.text(description, 'a path, as /api', readPath)
  const pattern = (description: string) => s.text(description, 'a regular expression of RE2', readPattern)
  const listenerName = s.text('The name of a listener.', 'the name of a listener')
  const values = (what: string, check: (text: string) => Reading<string>) =>
    z.union([
      s.text(`The ${what} is equal to this.`, 'text', check),
      z.strictObject({
        pattern: pattern(`The whole ${what} matches this regular expression.`).optional(),
        present: s.flag(`true: the ${what} may be anything.`).optional(),
      }),
    ])
  return z
    .strictObject({
      listener: z
        .union([listenerName, z.array(listenerName).min(1)])
        .describe('Names of listeners. Default: any.')
        .optional(),
      hosts: z
        .array(
          s.text(
            'example.org or *.example.org, with or without a port.',
            'a host, as example.org',
            readHostPattern,
          ),
        )
        .min(1)
        .describe('Hosts. Default: any.')
        .optional(),
      path: z
        .union([
          path('A prefix, by whole segments.'),
          z.strictObject({
            exact: path('The whole path.').optional(),
            prefix: path('A prefix, by whole segments: /api takes /api and /api/x, not /apis.').optional(),
            pattern: pattern('A regular expression that matches the whole path.').optional(),
          }),
        ])
        .describe('The path, without the query. Default: any.')
        .optional(),
      methods: z
        .array(s.text('A method.', 'a method, as GET', readMethod))
        .min(1)
        .describe('Methods. Default: any.')
        .optional(),
      headers: z
        .record(
          z
            .string()
            .refine((name) => 'value' in readFieldName(name), { error: 'this is not the name of a field' }),
          values('value of the field', readFieldValue),
        )
        .describe('Fields that the request must have, by name.')
        .optional(),
      query: z
        .record(
          z.string(),
          values('value of the parameter', (text) => read(text)),
        )
        .describe('Query parameters that the request must have, by name.')
        .optional(),
    })
    .describe('The conditions of the route. It takes requests that meet all of them.')
}

/** @param form the form of the document: a file has no functions */
export function route(
  s: Scalars,
  both: ReturnType<typeof shared>,
  filters: FilterListSchema,
  form: 'file' | 'code',
) {
  const whole = routeFromCode(s, both, filters)
  if (form === 'code') return whole
  return whole
    .omit({ allowPrivate: true })
    .extend({
      backend: named(s).describe(TO).optional(),
    })
    .describe(whole.description ?? '') as unknown as typeof whole
}

const TO = 'The destination of its requests: a backend, or several by weight.'

/** The backends of a route by their names. */
const named = (s: Scalars) =>
  z.union([
    s.text('The name of a backend.', 'the name of a backend'),
    z
      .array(
        z.strictObject({
          to: s.text('The name of a backend.', 'the name of a backend'),
          weight: s
            .count('Its share of the requests, by the sum of all weights. 0: none. Default: 1.', 0, MANY)
            .optional(),
        }),
      )
      .min(1)
      .max(100),
  ])

function routeFromCode(
  s: Scalars,
  { timeouts, retry }: ReturnType<typeof shared>,
  filters: FilterListSchema,
) {
  const { path, upgrades, errors } = routing(s)
  return z
    .strictObject({
      name: s
        .text('The name of the route, for logs and reload. Default: route-N.', 'a name', (text) =>
          isName(text) ? read(text) : wrong(`${quoted(text)} is not a name; ${NAME_FORM}`),
        )
        .optional(),
      match: match(s).optional(),
      timeouts: timeouts.optional(),
      retry: retry.optional(),
      path: path.optional(),
      upgrades: upgrades.optional(),
      errors: errors.optional(),
      backend: z
        .union([...named(s).options, chooserSchema()])
        .describe(TO)
        .optional(),
      redirect: optionsSchema(redirect, s).describe('Sends the client elsewhere.').optional(),
      answer: optionsSchema(respond, s).describe('Answers without a backend.').optional(),
      filters: filters.optional(),
      allowPrivate: z
        .union([z.boolean(), z.array(s.text('A network.', 'a network, as 10.0.0.0/8', readNetwork))])
        .describe(
          'Networks that a function may name though they are not public: addresses, ADDRESS/BITS, or true for all.',
        )
        .optional(),
    })
    .describe('The treatment of some requests: exactly one of backend, redirect and answer.')
}
