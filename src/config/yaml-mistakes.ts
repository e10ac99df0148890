// The mistakes of YAML in plain words: what is wrong, and what to write.

/** Sentences for messages of the library whose code says too little. The first match counts. */
const BY_MESSAGE: readonly (readonly [RegExp, string])[] = [
  [/^Missing closing "quote/, 'a closing " is missing'],
  [/^Missing closing 'quote/, "a closing ' is missing"],
  [/end with a \]/, 'a closing ] is missing, or the lines up to it are not indented'],
  [/end with a \}/, 'a closing } is missing, or the lines up to it are not indented'],
  [/^Missing , /, 'a comma or a colon is missing before this'],
  [/^Missing space after :/, 'a blank is missing behind a colon'],
  [/^Comments must be separated/, 'a blank is missing before the # of a comment'],
  [
    /^(?:Implicit map keys need to be followed|Implicit keys need to be on a single)/,
    'this is a key without a colon and a value',
  ],
  [/^Tags and anchors must be separated/, 'a blank is missing behind a tag or an anchor'],
  [
    /^Sequence item without -|^All sequence items/,
    'the items of a list must begin with a - in the same column',
  ],
  [/^All mapping items/, 'the keys of a map must begin in the same column'],
  [/block-seq-ind on same line with key/, 'a list begins on the line of its key; begin it on the next line'],
  [/^Unexpected , in/, 'a comma stands where a value should'],
  [/^Block scalar header/, 'behind | or > nothing but + or - and a number may stand on the line'],
  [/flow-(?:map|seq)-end token/, 'a bracket is closed that was not opened; quote it if it is part of a text'],
]

/** Sentences by the code of the library's error. */
const SENTENCES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'the key is written twice; leave out one',
  TAB_AS_INDENT: 'a tab stands where lines are indented; YAML takes blanks only',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon makes a key of a value; quote the value, or indent the lines alike',
  BLOCK_IN_FLOW: 'between brackets a list or a map needs brackets of its own: [ ] or { }',
  KEY_OVER_1024_CHARS: 'the key has more than 1,024 characters',
  NON_STRING_KEY: 'a key must be text',
  BAD_ALIAS: 'an unquoted * begins an alias in YAML; quote it: "*"',
  ALIAS_PROPS: 'an alias (*name) has an anchor or a tag; leave that out',
  BAD_INDENT: 'a bracket is not closed, or lines are indented wrongly',
  MISSING_CHAR: 'a closing quote, bracket or colon is missing',
  MULTIPLE_ANCHORS: 'a value has two anchors; leave out one',
  MULTIPLE_TAGS: 'a value has two tags; leave them out',
  TAG_RESOLVE_FAILED: 'the tag is unknown here; leave it out',
  BAD_COLLECTION_TYPE: 'the tag does not fit its value; leave it out',
  BAD_DIRECTIVE: 'a line that begins with % is a directive of YAML; leave it out',
  BAD_PROP_ORDER: 'a tag or an anchor stands before the - or ? of its value; write it behind',
  RESOURCE_EXHAUSTION: 'the text nests too deep',
  UNEXPECTED_TOKEN: 'this does not continue what stands before it; is the indentation right?',
}

/** Returns a sentence about a mistake. @param code the code of the library's error */
export function yamlMistake(code: string, message: string, text: string, offset: number): string {
  // The following text may be a secret, so it is not shown.
  if (code === 'BAD_SCALAR_START') return `a plain value cannot begin with ${text[offset]}; put it in quotes`
  if (code === 'BAD_DQ_ESCAPE')
    return `${message.replace(/^Invalid/, 'invalid')}; in single quotes \\ is a plain character`
  if (code === 'UNEXPECTED_TOKEN' && text[offset] === '*') return SENTENCES.BAD_ALIAS
  const known = BY_MESSAGE.find(([sign]) => sign.test(message))
  if (known !== undefined) return known[1]
  if (Object.hasOwn(SENTENCES, code)) return SENTENCES[code]
  return `not YAML: ${message.split('\n')[0]}`
}
