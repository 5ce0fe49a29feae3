/** The stage `feature_engine`: market batches in, the newest feature values per symbol out. */

import type { Batch } from '../../core/batch.ts';
import type { Stage } from '../stage.ts';
import {
  type Feature,
  type FeatureBatch,
  type FeatureInput,
  type FeatureRow,
  type FeatureUpdate,
  SAMPLE_US,
} from './feature.ts';
import { FEATURES } from './index.ts';

interface SymbolState {
  readonly symbol: string;
  readonly updates: ReadonlyMap<Feature, FeatureUpdate>;
  readonly values: Record<string, number>;
  timestampUs: number;
  localUs: number;
  /** Whether the batch at hand gave a value that is in none of its rows yet. */
  unsent: boolean;
}

interface InputGroup {
  readonly input: FeatureInput;
  readonly features: readonly Feature[];
}

/**
 * `counts`: events that gave no value, by input and reason (`quote_crossed`, `quote_zero`, `quote_empty`), and
 * `unknown_part`, events that point at no part of their batch.
 */
export function featureEngine(features: readonly Feature[] = FEATURES): Stage<Batch, FeatureBatch> {
  const groups = groupByInput(features);
  const states = new Map<string, SymbolState>();
  const counts: Record<string, number> = {};

  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };

  function stateOf(venue: string, symbol: string): SymbolState {
    const key = keyOf(venue, symbol);
    const known = states.get(key);
    if (known) return known;
    const state = newState(symbol, features);
    states.set(key, state);
    return state;
  }

  function update(
    state: SymbolState,
    wanted: readonly InputGroup[],
    columns: Float64Array,
    at: number,
  ): boolean {
    let gave = false;
    for (const { input, features } of wanted) {
      const fault = input.fault(columns, at);
      if (fault !== null) {
        count(`${input.name}_${fault}`);
        continue;
      }
      for (const feature of features) {
        const value = state.updates.get(feature)?.(columns, at) ?? Number.NaN;
        if (Number.isNaN(value)) continue;
        state.values[feature.name] = value;
        gave = true;
      }
    }
    return gave;
  }

  function ingest(batch: Batch): readonly FeatureBatch[] {
    const wanted = groups.filter((group) => group.input.feed === batch.feed);
    if (wanted.length === 0) return [];
    const ofPart = batch.parts.map((part) => stateOf(batch.venue, part.symbol));
    const { columns, width } = batch;
    const rows: FeatureRow[] = [];
    for (let at = 0, end = batch.events * width; at < end; at += width) {
      const state = ofPart[columns[at] ?? -1];
      const timestampUs = columns[at + 1];
      const localUs = columns[at + 2];
      if (!state || timestampUs === undefined || localUs === undefined) {
        count('unknown_part');
        continue;
      }
      if (state.unsent && spanOf(localUs) !== spanOf(state.localUs)) rows.push(take(state));
      if (!update(state, wanted, columns, at)) continue;
      state.timestampUs = timestampUs;
      state.localUs = localUs;
      state.unsent = true;
    }
    for (const state of ofPart) if (state.unsent) rows.push(take(state));
    return rows.length === 0 ? [] : [{ venue: batch.venue, rows }];
  }

  return {
    name: 'feature_engine',
    ingest,
    tick: () => [],
    forget: (venue, symbol) => void states.delete(keyOf(venue, symbol)),
    counts: () => ({ ...counts }),
  };
}

function keyOf(venue: string, symbol: string): string {
  return JSON.stringify([venue, symbol]);
}

function groupByInput(features: readonly Feature[]): readonly InputGroup[] {
  const inputs = [...new Set(features.map((feature) => feature.input))];
  return inputs.map((input) => ({ input, features: features.filter((feature) => feature.input === input) }));
}

function newState(symbol: string, features: readonly Feature[]): SymbolState {
  const updates = new Map(features.map((feature) => [feature, feature.start()]));
  return { symbol, updates, values: {}, timestampUs: 0, localUs: 0, unsent: false };
}

function spanOf(localUs: number): number {
  return Math.floor(localUs / SAMPLE_US);
}

function take(state: SymbolState): FeatureRow {
  state.unsent = false;
  return {
    symbol: state.symbol,
    timestampUs: state.timestampUs,
    localUs: state.localUs,
    values: { ...state.values },
  };
}
