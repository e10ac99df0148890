// Checks fields that every response must or must not have, a backend's or ours (RFC 9110 §6.6.1, §8.6).

type Fields = readonly (readonly [string, string])[]

/** Returns the fault of a response's fields, or null. */
export function wrongResponse(status: number, fields: Fields): string | null {
  const dates = fields.filter(([name]) => name === 'date').length
  if (status >= 200 && dates !== 1) return `a response ${status} with ${dates} Date fields`
  const bodiless = status < 200 || status === 204
  if (bodiless && fields.some(([name]) => name === 'content-length' || name === 'transfer-encoding'))
    return `a response ${status} with fields that frame a body`
  return null
}
