// Commands as lines, for people and for old clients (networking.c, processInlineBuffer; sds.c, sdssplitargs).

const SPACES = /[ \t\n\v\f\r]/

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/** Reads a quoted word from behind its quote on. Returns it with its end, or null if it does not end. */
function quoted(line: string, at: number, quote: string): readonly [word: string, end: number] | null {
  let word = ''
  for (let i = at; i < line.length; i++) {
    const c = line[i]
    if (c === quote) return i + 1 < line.length && !SPACES.test(line[i + 1]) ? null : [word, i + 1]
    if (c !== '\\' || i + 1 >= line.length) word += c
    else if (quote === "'") {
      if (line[i + 1] === "'") i++
      word += line[i] === "'" ? "'" : c
    } else {
      const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(i + 1, i + 4))
      if (hex === null) {
        i++
        word += ESCAPES[line[i]] ?? line[i]
      } else {
        word += String.fromCharCode(Number.parseInt(hex[1], 16))
        i += 3
      }
    }
  }
  return null
}

/** Splits a line, whose characters are bytes (latin1), into words. Returns null if a quote does not end. */
export function splitLine(line: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  for (let i = 0; i < line.length; ) {
    const c = line[i]
    if (SPACES.test(c)) {
      if (word !== null) words.push(word)
      word = null
      i++
    } else if (c === '"' || c === "'") {
      const rest = quoted(line, i + 1, c)
      if (rest === null) return null
      word = (word ?? '') + rest[0]
      i = rest[1]
    } else {
      word = (word ?? '') + c
      i++
    }
  }
  if (word !== null) words.push(word)
  return words
}

/** Writes words (latin1) or bytes as an array of bulk strings. */
export function arrayOf(words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word, 'latin1') : word
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
