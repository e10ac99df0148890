// The choice among representations by Accept (RFC 9110 §12.5.1).

interface Range {
  readonly type: string
  readonly subtype: string
  readonly quality: number
}

/** The most ranges that are read: no browser sends more. */
const RANGES_MAX = 50

function rangesOf(accept: string): Range[] {
  return accept
    .split(',', RANGES_MAX)
    .map((each): Range => {
      const [range, ...parameters] = each.split(';').map((part) => part.trim().toLowerCase())
      const [type, subtype = ''] = range.split('/')
      const weight = parameters.find((parameter) => parameter.startsWith('q='))
      const quality = weight === undefined ? 1 : Number(weight.slice(2))
      return { type, subtype, quality: quality >= 0 && quality <= 1 ? quality : 0 }
    })
    .filter(({ type, subtype }) => type !== '' && subtype !== '')
}

/** Returns how well a range fits: 3 for the type itself; 0 if it does not fit. */
function fit({ type, subtype }: Range, [ownType, ownSubtype]: readonly string[]): number {
  if (type === '*' && subtype === '*') return 1
  if (type !== ownType) return 0
  return subtype === '*' ? 2 : subtype === ownSubtype ? 3 : 0
}

/**
 * Returns the first of the best types; -1 if none is acceptable. Without Accept all are equal.
 * @param types content types, with or without parameters
 */
export function bestOf(accept: string | null, types: readonly string[]): number {
  const ranges = accept === null ? [] : rangesOf(accept)
  if (ranges.length === 0) return types.length === 0 ? -1 : 0
  let best = -1
  let most = 0
  for (const [at, each] of types.entries()) {
    const own = each.split(';', 1)[0].trim().toLowerCase().split('/')
    let fits = 0
    let quality = 0
    for (const range of ranges) {
      const found = fit(range, own)
      if (found <= fits) continue
      fits = found
      quality = range.quality
    }
    if (quality <= most) continue
    most = quality
    best = at
  }
  return best
}
