/** What a signal is, what makes one, and the batches that carry its rows. */

import type { FeatureValues } from '../features/feature.ts';

export type Direction = 'up' | 'down' | 'flat';

/** One row of `signals/` (DESIGN 6.3). */
export interface SignalRow {
  /** Our receipt time of the newest event behind it, µs UTC. */
  readonly timestampUs: number;
  /** The unified symbol. */
  readonly pair: string;
  readonly signal: string;
  readonly value: number;
  readonly direction: Direction;
  /** 0 to 1. */
  readonly strength: number;
  /** The features that it was made from. */
  readonly features: FeatureValues;
  readonly exchange: string;
}

export interface SignalBatch {
  readonly rows: readonly SignalRow[];
}

export type Judgement = Pick<SignalRow, 'value' | 'direction' | 'strength'>;

/** Judges the features as they stood at `localUs` (µs of receipt); null where they say nothing. */
export type Judge = (features: FeatureValues, localUs: number) => Judgement | null;

export interface SignalRule {
  /** The cell `signal`. */
  readonly name: string;
  /** The features that it reads: the judge is asked only when all of them have a value. */
  readonly features: readonly string[];
  /** A new state for one symbol of one venue. */
  start(): Judge;
}
