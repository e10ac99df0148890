// Changes parameters of a query. All others stay as they were sent, octet by octet.

/** Changes of a query. */
export interface QueryChange {
  /** Parameters that replace those of the same name. */
  readonly set?: Readonly<Record<string, string>> | undefined
  readonly remove?: readonly string[] | undefined
}

/** Returns the function that changes a query, which begins with `?` or is ''. */
export function queryRule({ set = {}, remove = [] }: QueryChange): (query: string) => string {
  const dropped = new Set([...remove, ...Object.keys(set)])
  const added = Object.entries(set).map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
  return (query) => {
    const kept = query
      .slice(1)
      .split('&')
      .filter((each) => each !== '' && !dropped.has(nameOf(each)))
    const all = [...kept, ...added]
    return all.length === 0 ? '' : `?${all.join('&')}`
  }
}

/** Returns the name of a parameter, decoded as in forms. */
function nameOf(parameter: string): string {
  const end = parameter.indexOf('=')
  const name = (end < 0 ? parameter : parameter.slice(0, end)).replaceAll('+', ' ')
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
