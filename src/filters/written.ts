// The types of written values in a configuration: those of a document from code, and of a filter's options.
// The schema of each key has them as its input.

/** A value from outside of the document. It is read together with the document. */
export type FromOutside =
  | { readonly env: string; readonly default?: string | number | boolean }
  | { readonly file: string }
  | { readonly credential: string }

/** The written form of a scalar. */
export type Written<T> = T | FromOutside

/** `500ms`, `10s`, `2m`, `1h`, `1d` or 0. */
export type WrittenDuration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | 0

/** `512B`, `64KiB`, `1MiB`, `1GiB` or 0. */
export type WrittenSize = `${number}${'B' | 'KiB' | 'MiB' | 'GiB'}` | 0

/** `50%`, or a number from 0 to below 1. */
export type WrittenShare = `${number}%` | number
