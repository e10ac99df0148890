// Hashes of texts, for the choice of an endpoint. They spread well and are not cryptographic: a client that
// chooses its own keys can choose its endpoint.

/** Returns 32 bits of a text: FNV-1a over its UTF-16 code units, low byte first, with a final mix. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return mix(hash)
}

/** Spreads each bit over all 32: the finalizer of MurmurHash3. */
export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** Returns a number in (0, 1) for a key and a member, both as hashes. */
export function unitOf(key: number, member: number): number {
  return (mix(Math.imul(key, 0x9e3779b1) ^ member) + 0.5) / 0x1_0000_0000
}
