// Names of fields in all their spellings: `x-user` and `x_user` are the same name to a CGI-style backend.

import { FieldTable } from '../../http/index.js'
import { writtenField } from './fields.js'

const spelling = (name: string): string => name.replaceAll('_', '-')

export class FieldNames {
  private readonly names: ReadonlySet<string>

  /** Throws if one of the names is not a field that a filter may write. */
  constructor(names: readonly string[]) {
    const table = new FieldTable(1)
    this.names = new Set(names.map((each) => spelling(writtenField(table, each, '').name)))
  }

  /** @param name in lower case */
  readonly has = (name: string): boolean => this.names.has(name.includes('_') ? spelling(name) : name)
}
