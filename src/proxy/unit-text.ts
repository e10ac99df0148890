// Writes durations, and other values with units, in the form of the configuration.

/** ms of each unit, the smallest first. */
export const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Returns a value of the smallest unit in the largest unit that divides it.
 * @param units the units, the smallest first
 */
export function inUnit(value: number, units: Readonly<Record<string, number>>): string {
  if (value === 0) return '0'
  const fitting = Object.entries(units).filter(([, size]) => value % size === 0)
  const [unit, size] = fitting.at(-1) ?? Object.entries(units)[0]
  return `${value / size}${unit}`
}

/** Returns ms in the form of the configuration: `90s`, `2h`. */
export const durationText = (ms: number): string => inUnit(ms, DURATION_UNITS)
