// The names of the commands of this room.

const names: ReadonlySet<string> = new Set(['ps', 'why', 'end', 'drain', 'purge', 'top', 'debug'])

/** Says whether a word of the command line is a command of this room. */
export const isTerminalCommand = (word: string | undefined): boolean => word !== undefined && names.has(word)
