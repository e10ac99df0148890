/** Throws what the flush or settle of a test's own output or input threw. */
export function raise(error: unknown): never {
  throw error
}
