// Fields that a response must have or must not have, whoever made it (RFC 9110 §6.6.1, §8.6).

type Fields = readonly (readonly [string, string])[]

/** What is wrong with the fields of a response to a client; null when nothing is. */
export function wrongResponse(status: number, fields: Fields): string | null {
  const dates = fields.filter(([name]) => name === 'date').length
  if (status >= 200 && dates !== 1) return `a response ${status} with ${dates} Date fields`
  const bodiless = status < 200 || status === 204
  if (bodiless && fields.some(([name]) => name === 'content-length' || name === 'transfer-encoding'))
    return `a response ${status} with fields that frame a body`
  return null
}
