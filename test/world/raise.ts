/** What a test's own output or input does with what its flush or settle threw. */
export function raise(error: unknown): never {
  throw error
}
