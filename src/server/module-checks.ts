// Checks users' modules in a configuration: each is loaded, takes its options, and is placed among the other
// filters of its route.

import {
  backendNames,
  type Configuration,
  type Diagnostic,
  Diagnostics,
  FilterOrder,
  MODULE,
} from '../config/index.js'
import { definitionOf } from '../filters/index.js'
import type { UserFilter, UserModules } from './user-modules.js'

/** Returns the mistakes in the modules of a configuration. Loads modules that are not loaded. */
export function checkModules(
  configuration: Configuration,
  modules: UserModules,
): { readonly errors: readonly Diagnostic[]; readonly warnings: readonly Diagnostic[] } {
  const { routes } = configuration
  const names = backendNames(configuration)
  const errors: Diagnostic[] = []
  const warnings: Diagnostic[] = []
  const found = new Map<object, UserFilter | null>()
  for (const { filters } of routes) {
    const users = filters.filter(({ kind }) => kind === MODULE)
    if (users.length === 0) continue
    for (const each of users) {
      if (found.has(each)) continue
      const checked = modules.check(each, names)
      found.set(each, checked.filter)
      errors.push(...checked.errors)
      warnings.push(...(checked.filter?.warnings ?? []))
    }
    const order = new Diagnostics()
    new FilterOrder(order, (kind, each) =>
      kind === MODULE ? (found.get(each)?.definition ?? null) : definitionOf(kind),
    ).check(filters)
    const isOfModule = ({ message }: Diagnostic): boolean => users.some(({ name }) => message.includes(name))
    errors.push(...order.errors.filter(isOfModule))
    warnings.push(...order.warnings.filter(isOfModule))
  }
  return { errors: distinct(errors), warnings: distinct(warnings) }
}

/** Removes repeated ones: the filters of defaults belong to many routes. */
const distinct = (all: readonly Diagnostic[]): readonly Diagnostic[] => [
  ...new Map(all.map((each) => [JSON.stringify(each), each])).values(),
]
