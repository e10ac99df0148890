// Settings of a member that an operator makes while the program runs: an overlay stands over the
// configuration, and ends with the member, with its time, or with the program (spec/balancing.md, Overlays).

export interface Overlay {
  /** 0 to 256, relative to the other members; null: as configured. */
  readonly weight: number | null
  /** True if it gets no new requests, except from clients that affinity keeps at it. */
  readonly drain: boolean
  /** True if it gets no new requests at all. */
  readonly block: boolean
  /** The end of the overlay, in ms of the pollset's clock; Infinity: time does not end it. */
  readonly until: number
}
