// Messages as text: the grammar in which spec/http2/messages.md and spec/http1 write their fields.

/** A message as the pages of spec/ write it (spec/http2/messages.md). */
export interface Message {
  /** Interim heads, then the final one. */
  readonly heads: [string, string][][]
  readonly trailers: [string, string][] | null
  readonly body: number
  readonly open: boolean
  readonly method: string
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', s: ' ' }
export const unescaped = (text: string) =>
  text.replace(/\\(x[0-9a-fA-F]{2}|[rnt0s])/g, (_, code: string) =>
    code[0] === 'x' ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : ESCAPES[code],
  )

export function parse(text: string): Message {
  const heads: [string, string][][] = [[]]
  let trailers: [string, string][] | null = null
  let body = 0
  let open = false
  let method = 'GET'
  for (const item of text.split('; ')) {
    if (item === '!trailers') trailers = []
    else if (item === '!open') open = true
    else if (item.startsWith('!body=')) body = Number(item.slice(6))
    else if (item.startsWith('!method=')) method = item.slice(8)
    else if (item === '!head') heads.push([])
    else if (item === '') continue
    else {
      const at = item.indexOf('=', item.startsWith('=') ? 0 : 1)
      ;(trailers ?? heads[heads.length - 1]).push([
        unescaped(item.slice(0, at)),
        unescaped(item.slice(at + 1)),
      ])
    }
  }
  return { heads, trailers, body, open, method }
}
