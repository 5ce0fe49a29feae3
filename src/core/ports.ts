/** What comes in from above, so that every test is exact: time and chance. */

export type Cancel = () => void;

export interface Clock {
  /** Wall clock, µs since 1970 UTC. May step; never used for order or for waiting. */
  wallUs(): number;
  /** Monotonic, ms from an arbitrary start; for waiting and for ages. */
  monoMs(): number;
  /** Calls `run` once, `ms` later on the monotonic clock. */
  after(ms: number, run: () => void): Cancel;
  /** Calls `run` every `ms`; a late call does not bring forward the next. */
  every(ms: number, run: () => void): Cancel;
}

/** Uniform in [0, 1). */
export type Random = () => number;
