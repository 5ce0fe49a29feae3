/** What a feature is, and the batches that carry its values. */

import type { Feed } from '../../core/event.ts';

/**
 * A batch carries at most one row per symbol and span of receipt time this long, µs. Batches end where the load
 * puts them; what follows is the same wherever that was, so a replay gives the same signals.
 */
export const SAMPLE_US = 1_000_000;

/** By feature name; a feature that has no value yet is absent. */
export type FeatureValues = Readonly<Record<string, number>>;

export interface FeatureRow {
  readonly symbol: string;
  /** The venue's time of the event that gave the newest value, µs UTC. */
  readonly timestampUs: number;
  /** Our receipt time of that event, µs UTC. */
  readonly localUs: number;
  /** The newest value of every feature of the symbol. Those of other feeds are carried in order of arrival. */
  readonly values: FeatureValues;
}

/**
 * The newest values of each symbol in one incoming batch; where that batch runs over the end of a sample span,
 * the newest of each span. Rows of one symbol stand in order of receipt.
 */
export interface FeatureBatch {
  readonly venue: string;
  readonly rows: readonly FeatureRow[];
}

/** The columns that a feature reads (`flow/rows.ts`), with their check. Features that share one share its check. */
export interface FeatureInput {
  readonly name: string;
  readonly feed: Feed;
  /** Why the event beginning at `columns[at]` gives no value; null when it does. */
  fault(columns: Float64Array, at: number): string | null;
}

/** Takes the event beginning at `columns[at]`; NaN for no value. Constant cost: never a look back over events. */
export type FeatureUpdate = (columns: Float64Array, at: number) => number;

export interface Feature {
  /** The column in `latest/features.csv`. */
  readonly name: string;
  readonly input: FeatureInput;
  /** A new state for one symbol of one venue. */
  start(): FeatureUpdate;
}
