// A secret of the configuration, after the schema.

import type { OutsideText } from './outside.js'

/** A text from the document or from outside, with the file that it came from. It is plain data. */
export interface SecretText {
  readonly text: string
  readonly file: OutsideText['file']
  readonly isSecret: true
}

export const isSecretText = (value: object): value is SecretText =>
  (value as Partial<SecretText>).isSecret === true && typeof (value as Partial<SecretText>).text === 'string'
