// Types for the part of hpack.js (2015) that we use.

declare module 'hpack.js' {
  export interface HpackField {
    name: string
    value: string
    neverIndex?: boolean
    incremental?: boolean
    huffman?: boolean
  }
  interface Table {
    size: number
    maxSize: number
    dynamic: { name: string; value: string }[]
    updateSize(octets: number): void
  }
  export class Compressor {
    _table: Table
    push(chunk: Buffer): boolean
    _write(fields: HpackField[], encoding: string, done: (error: unknown) => void): void
  }
  export class Decompressor {
    _table: Table
    push(field: Required<Pick<HpackField, 'name' | 'value' | 'neverIndex'>>): boolean
    _write(block: Buffer, encoding: string, done: (error: unknown) => void): void
    _execute(): void
    _decoder: { isEmpty(): boolean }
    updateTableSize(octets: number): void
  }
  interface Options {
    readonly table: { readonly maxSize: number }
  }
  const hpack: {
    compressor: { create(options: Options): Compressor }
    decompressor: { create(options: Options): Decompressor }
    encoder: { create(): { encodeStr(octets: Uint8Array, huffman: boolean): void; render(): Buffer[] } }
    decoder: { create(): { push(octets: Buffer): void; decodeStr(): ArrayLike<number> } }
  }
  export default hpack
}
