// The exit codes of a server (spec/process-log.md, Exit codes).

export const exitCodes = {
  FAILED: 1,
  USAGE: 2,
  CUT: 3,
  BROKEN: 70,
} as const

/** The meaning of each code, for the help. */
export const exitTexts: readonly (readonly [code: number, text: string])[] = [
  [0, 'it was told to end, and no request was cut'],
  [exitCodes.FAILED, 'it could not serve'],
  [exitCodes.USAGE, 'the command line or the configuration is wrong'],
  [exitCodes.CUT, 'it was told to end, and requests were cut: by the drain timeout, or by a second signal'],
  // EX_SOFTWARE of sysexits.h
  [exitCodes.BROKEN, 'internal error: bytes could have reached the wrong client'],
]

export const exitHelp = `
Exit status:
${exitTexts.map(([code, text]) => `  ${String(code).padEnd(3)} ${text}`).join('\n')}
`
