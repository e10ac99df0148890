// Addresses, tokens and errors of the commands in a terminal.

import { readFileSync } from 'node:fs'

/** The default address of a debugger. */
export const DEFAULT_ADDRESS = '127.0.0.1:4711'
/** The variables for the tokens of a debugger and of an admin listener, used if no file is given. */
export const TOKEN_VARIABLE = 'FERMATA_DEBUG_TOKEN'
export const ADMIN_TOKEN_VARIABLE = 'FERMATA_ADMIN_TOKEN'

const PORT_MAX = 65_535

/** A failure, and its remedy, for the person at the terminal. */
export class TerminalError extends Error {
  override name = 'TerminalError'
}

/** An answer by which the server refuses a question. */
export class RefusedError extends TerminalError {}

/** An answer in HTTP: the server is not a debugger. */
export class HttpAnswered extends TerminalError {}

export interface TerminalOptions {
  readonly tokenFile?: string
  /** The worker to debug, if the server has workers; `all` to ask all of them. */
  readonly worker?: string
}

/** Parses an address of the command line: `HOST:PORT`, `:PORT`, `PORT` (both loopback) or `unix:PATH`. */
export function addressOf(text: string): { host: string; port: number } | { path: string } {
  if (/^unix:./.test(text)) return { path: text.slice(5) }
  const parts = /^(?:(\[[^\]]+\]|[^:[\]\s/]*):)?(\d{1,5})$/.exec(text)
  if (parts === null) throw new TerminalError(`'${text}' is not an address: write HOST:PORT or unix:PATH`)
  const port = Number(parts[2])
  if (port === 0 || port > PORT_MAX)
    throw new TerminalError(`'${text}': port ${parts[2]} is out of range (1 to ${PORT_MAX})`)
  return { host: (parts[1] || '127.0.0.1').replace(/^\[|\]$/g, ''), port }
}

/** Returns the token from the file, else from the variable. */
export function tokenOf({ tokenFile }: TerminalOptions, variable: string): string | undefined {
  if (tokenFile === undefined) return process.env[variable] || undefined
  try {
    return readFileSync(tokenFile, 'utf8').trim()
  } catch (error) {
    throw new TerminalError(`--token-file ${tokenFile} cannot be read (${codeOf(error)})`)
  }
}

/** Returns the code of an error, or its message. */
export const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error))
