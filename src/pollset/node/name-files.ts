// The files of the system's resolver: /etc/hosts and /etc/resolv.conf. Node's DNS queries read only the
// servers of the latter. We read the files for each question, so a change is seen at once.

import { isIP } from 'node:net'

export const HOSTS_FILE = '/etc/hosts'
export const RESOLV_CONF = '/etc/resolv.conf'

/** The most domains of a search list that are tried. */
const SEARCH_MAX = 16
const NDOTS_MAX = 15

export interface SearchOptions {
  readonly search: readonly string[]
  /** A name with at least this many dots is first looked up as it stands. */
  readonly ndots: number
}

const linesOf = (text: string): string[][] =>
  text
    .split('\n')
    .map((line) =>
      line
        .replace(/[#;].*/, '')
        .trim()
        .split(/\s+/),
    )
    .filter(([first]) => first !== '')

/** Returns the addresses of one family: IPv4 if there are any. With both, one machine would count twice. */
export function ofOneFamily(addresses: readonly string[]): readonly string[] {
  const v4 = addresses.filter((each) => isIP(each) === 4)
  return v4.length > 0 ? v4 : addresses
}

/** Returns the addresses of a name in the text of a hosts file. */
export function hostsOf(text: string, name: string): readonly string[] {
  const wanted = withoutDot(name).toLowerCase()
  const found = linesOf(text)
    .filter(([address, ...names]) => isIP(address) !== 0 && names.some((n) => n.toLowerCase() === wanted))
    .map(([address]) => address)
  return ofOneFamily([...new Set(found)])
}

/** Reads the text of a resolv.conf. The last `search` or `domain` line counts. */
export function searchOf(text: string): SearchOptions {
  let search: readonly string[] = []
  let ndots = 1
  for (const [keyword, ...values] of linesOf(text)) {
    if (keyword === 'search') search = values
    else if (keyword === 'domain') search = values.slice(0, 1)
    else if (keyword === 'options') {
      const found = values
        .map((each) => /^ndots:(\d{1,3})$/.exec(each)?.[1])
        .find((each) => each !== undefined)
      if (found !== undefined) ndots = Math.min(NDOTS_MAX, Number(found))
    }
  }
  return { search, ndots }
}

/** Returns the names to ask for in place of `name`, in order, each without its final dot. */
export function namesToAsk(name: string, { search, ndots }: SearchOptions): readonly string[] {
  if (name.endsWith('.')) return [withoutDot(name)]
  const within = search
    .slice(0, SEARCH_MAX)
    .map((domain) => withoutDot(domain))
    .filter((domain) => domain !== '')
    .map((domain) => `${name}.${domain}`)
  return name.split('.').length > ndots ? [name, ...within] : [...within, name]
}

export const withoutDot = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name)
