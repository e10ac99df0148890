// The mistakes of YAML in plain words: what is wrong, and what to write.

const SENTENCES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'the key is written twice; leave out one',
  TAB_AS_INDENT: 'a tab stands where lines are indented; YAML takes blanks only',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon makes a key of a value; quote the value, or indent the lines alike',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; is a colon missing, or the indentation wrong?',
  NON_STRING_KEY: 'a key must be text',
  BAD_ALIAS: 'an unquoted * begins an alias in YAML; quote it: "*"',
  BAD_INDENT: 'a bracket is not closed, or lines are indented wrongly',
  MISSING_CHAR: 'a closing quote, bracket or colon is missing',
  MULTIPLE_ANCHORS: 'a value has two anchors; leave out one',
  MULTIPLE_TAGS: 'a value has two tags; leave them out',
  TAG_RESOLVE_FAILED: 'the tag is unknown here; leave it out',
  UNEXPECTED_TOKEN: 'this does not continue what stands before it; is the indentation right?',
}

/** Says what is wrong in one sentence. @param code of the library's error */
export function yamlMistake(code: string, message: string, text: string, offset: number): string {
  // What follows may be a secret, so it is not shown.
  if (code === 'BAD_SCALAR_START') return `a plain value cannot begin with ${text[offset]}; put it in quotes`
  if (code === 'BAD_DQ_ESCAPE')
    return `${message.replace(/^Invalid/, 'invalid')}; in single quotes \\ is a plain character`
  if (code === 'UNEXPECTED_TOKEN' && text[offset] === '*') return SENTENCES.BAD_ALIAS
  if (Object.hasOwn(SENTENCES, code)) return SENTENCES[code]
  return `not YAML: ${message.split('\n')[0]}`
}
