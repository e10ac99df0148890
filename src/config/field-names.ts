// Reads names of fields of the access log, and templates that have them, of requests or of commands.

import { type LogFields, templateOf } from '../access-log/index.js'
import { defaultRedaction, exchangeFields } from '../proxy/index.js'
import { knownCommandFields } from './command-fields.js'
import { didYouMean, nearest } from './nearest.js'
import { type Reading, read, wrong } from './quantities.js'

/** The things that have lines: requests of HTTP, or commands of Redis. */
export type Logged = 'requests' | 'commands'

type Known = Pick<LogFields<never>, 'find' | 'names'>

/** The fields, of which only the names are used. */
const KNOWN: Readonly<Record<Logged, () => Known>> = {
  requests: () => exchangeFields(defaultRedaction),
  commands: knownCommandFields,
}

const quoted = (text: string): string => JSON.stringify(text)

/** Returns why this is not the name of a field, or null. */
export function wrongField(name: string, of: Logged = 'requests'): string | null {
  const fields = KNOWN[of]()
  if (fields.find(name) !== null) return null
  const said = `${quoted(name)} is not a field of the access log${of === 'commands' ? ' of commands' : ''}`
  return nearest(name, fields.names) === null
    ? `${said}; the fields are ${fields.names.join(', ')}`
    : `${said}${didYouMean(name, fields.names)}`
}

/** Returns the reader of a template whose fields must be known. */
export const templateReader =
  (of: Logged) =>
  (text: string): Reading<string> => {
    const template = templateOf(text)
    if (typeof template === 'string') return wrong(`the template ${template}`)
    for (const name of template.names) {
      const fault = wrongField(name, of)
      if (fault !== null) return wrong(fault)
    }
    return read(text)
  }

/** Returns the reader of a field's name. */
export const fieldReader =
  (of: Logged) =>
  (text: string): Reading<string> => {
    const fault = wrongField(text, of)
    return fault === null ? read(text) : wrong(fault)
  }
