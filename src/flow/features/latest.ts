/** The rows of `latest/features.csv`: `exchange,symbol,timestamp,local_timestamp`, then a column per feature. */

import { encodeRow } from '../../core/csv.ts';
import type { LatestRow } from '../signal-file.ts';
import type { Feature, FeatureBatch } from './feature.ts';
import { FEATURES } from './index.ts';
import { numberText } from './number.ts';

/** One row per row of the batch, in its order: a later row replaces an earlier one of the same key. */
export function latestFeatures(
  batch: FeatureBatch,
  features: readonly Feature[] = FEATURES,
): readonly LatestRow[] {
  const header = [
    'exchange',
    'symbol',
    'timestamp',
    'local_timestamp',
    ...features.map(({ name }) => name),
  ].join(',');
  return batch.rows.map(({ symbol, timestampUs, localUs, values }) => {
    const numbers = features.map(({ name }) => values[name]);
    const texts = numbers.map((value) => (value === undefined ? '' : numberText(value)));
    const row = encodeRow([batch.venue, symbol, timestampUs, localUs, ...texts]);
    return { ...latestFeaturesOf(batch.venue, symbol), header, row };
  });
}

/** Where a symbol's row stands. */
export function latestFeaturesOf(venue: string, symbol: string): Pick<LatestRow, 'file' | 'key'> {
  return { file: 'latest/features.csv', key: JSON.stringify([venue, symbol]) };
}
