// The texts of faults of the operating system, for people.

/** Turns `ENOENT: no such file or directory, open 'x'` into `no such file or directory (ENOENT)`. */
export function plainFault(text: string): string {
  const [, code, what] = /^([A-Z]+): (.+?), [a-z]+(?: '.*')?$/s.exec(text) ?? []
  return what === undefined ? text : `${what} (${code})`
}
