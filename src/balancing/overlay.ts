// Settings of a member that an operator makes while the program runs: an overlay stands over the
// configuration, and ends with the member, with its time, or with the program (spec/balancing.md, Overlays).

export interface Overlay {
  /** 0 to 256, relative to the other members; null: as configured. */
  readonly weight: number | null
  /** It gets no new request, but for those of its own clients by affinity. */
  readonly drain: boolean
  /** It gets no new request at all. */
  readonly block: boolean
  /** When the overlay ends, in ms of the pollset's clock; Infinity: not by time. */
  readonly until: number
}
