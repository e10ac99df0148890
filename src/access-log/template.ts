// A template of a line: text with `${FIELD}` in it. `$$` stands for `$`.

/** The parts of a template: text, field, text, field … text. */
export interface Template {
  /** One more than {@link names}. */
  readonly texts: readonly string[]
  readonly names: readonly string[]
}

const PART = /\$(?:\$|\{([^{}]*)\})/g
const LENGTH_MAX = 4096
// biome-ignore lint/suspicious/noTemplateCurlyInString: it shows a template of ours
const UNFINISHED = 'has ${ without its }; write ${FIELD}, and $$ for a $'
// biome-ignore lint/suspicious/noTemplateCurlyInString: it shows a template of ours
const NO_FIELD = 'names no field; write ${method} ${path}'

/** Reads a template. Returns what is wrong with it, as a sentence, if it is not one. */
export function templateOf(text: string): Template | string {
  if (text.length > LENGTH_MAX) return `has more than ${LENGTH_MAX} characters`
  if (/[^\x20-\x7e]/.test(text)) return 'has a character that is not printable ASCII'
  const texts = ['']
  const names: string[] = []
  let last = 0
  for (const match of text.matchAll(PART)) {
    const between = text.slice(last, match.index)
    if (between.includes('${')) return UNFINISHED
    texts[names.length] += between
    last = match.index + match[0].length
    const [, name] = match
    if (name === undefined) texts[names.length] += '$'
    else {
      names.push(name)
      texts.push('')
    }
  }
  const rest = text.slice(last)
  if (rest.includes('${')) return UNFINISHED
  texts[names.length] += rest
  return names.length === 0 ? NO_FIELD : { texts, names }
}
