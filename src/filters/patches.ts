// The patches that async filters return: plain data that describes changes. A patch is read once, in a step.
// A patch with an unknown key, or with a value of another type, fails its filter.

import { z } from 'zod'
import {
  DENIED,
  FilterUseError,
  PASS,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
} from '../proxy/index.js'

const values = z.record(z.string(), z.union([z.string(), z.array(z.string())]))
const body = z.union([z.string(), z.instanceof(Uint8Array)])

const message = {
  /** Fields that are removed, before others are set. */
  remove: z.array(z.string()).optional(),
  /** Fields that replace those of the same name. */
  set: values.optional(),
  /** Lines that are added. */
  append: values.optional(),
  /** Replaces the body, which the filter must collect: `requestBody`, `responseBody`. */
  body: body.optional(),
  /** Fields of the access log, as `filters.NAME.FIELD`. */
  note: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** An answer, in place of the coming message. */
  answer: z.strictObject({ status: z.number(), fields: values.optional(), body: body.optional() }).optional(),
}

const requestPatch = z.strictObject({
  ...message,
  /** Path and query. */
  target: z.string().optional(),
  /** Host, or host and port. */
  authority: z.string().optional(),
  /** The name of the backend that it goes to. */
  backend: z.string().optional(),
  /** The identity of the request's client. */
  identity: z.string().optional(),
  /** Refuses the request: by default with 403 and the outcome `denied`. */
  refuse: z
    .strictObject({
      status: z.number().optional(),
      text: z.string().optional(),
      fields: values.optional(),
    })
    .optional(),
})

const responsePatch = z.strictObject({
  ...message,
  /** 200 to 599 */
  status: z.number().optional(),
})

/** The changes that an async function makes to a request. */
export type RequestPatch = z.infer<typeof requestPatch>
/** The changes that an async function makes to a response. */
export type ResponsePatch = z.infer<typeof responsePatch>

type Values = z.infer<typeof values>
type MessagePatch = Pick<ResponsePatch, keyof typeof message>

const linesOf = (map: Values = {}): [string, string][] =>
  Object.entries(map).flatMap(([name, value]) => [value].flat().map((each): [string, string] => [name, each]))

/** Reads a patch. Throws a FilterUseError that explains the mistake. */
function read<T>(schema: z.ZodType<T>, patch: unknown, known: readonly string[]): T {
  const result = schema.safeParse(patch)
  if (result.success) return result.data
  const [issue] = result.error.issues
  if (issue.code === 'unrecognized_keys')
    throw new FilterUseError(
      `its patch has the unknown key ${issue.keys[0]}; known here: ${known.join(', ')}`,
    )
  throw new FilterUseError(`its patch is wrong at ${issue.path.join('.') || 'its top'}: ${issue.message}`)
}

/** Changes the message, and returns the verdict of an answer; null without one. */
function applied(x: RequestPhase | ResponsePhase, patch: MessagePatch): Verdict | null {
  const { remove = [], set = {}, append, body, note = {}, answer } = patch
  for (const [name, value] of Object.entries(note)) x.note(name, value)
  if (answer !== undefined) {
    const { status, fields, body: text = '' } = answer
    return x.answer({ status, fields: linesOf(fields), body: text })
  }
  for (const name of remove) x.fields.remove(name)
  for (const [name, value] of Object.entries(set)) x.fields.set(name, value)
  for (const [name, value] of linesOf(append)) x.fields.append(name, value)
  if (body !== undefined) x.setBody(body)
  return null
}

/** Throws if a patch would write Host, which has a key of its own. */
function refuseHost({ remove = [], set = {}, append = {} }: RequestPatch): void {
  for (const name of [...remove, ...Object.keys(set), ...Object.keys(append)])
    if (name.toLowerCase() === 'host')
      throw new FilterUseError('host is written by the proxy alone: return a patch with authority')
}

export function applyRequest(x: RequestPhase, patch: unknown): Verdict {
  const changes = read(requestPatch, patch, Object.keys(requestPatch.shape))
  refuseHost(changes)
  const { target, authority, backend, identity, refuse } = changes
  if (identity !== undefined) x.identify(identity)
  if (refuse !== undefined) {
    const { status, text, fields } = refuse
    return x.refuse(DENIED, {
      fields: linesOf(fields),
      ...(status === undefined ? {} : { status }),
      ...(text === undefined ? {} : { text }),
    })
  }
  if (target !== undefined) x.setTarget(target)
  if (authority !== undefined) x.setAuthority(authority)
  if (backend !== undefined) x.setBackend(backend)
  return applied(x, changes) ?? PASS
}

export function applyResponse(x: ResponsePhase, patch: unknown): Verdict {
  const changes = read(responsePatch, patch, Object.keys(responsePatch.shape))
  const { status } = changes
  if (status !== undefined) x.setStatus(status)
  return applied(x, changes) ?? PASS
}
