/** The best bid and ask of a ticker row. A locked quote (bid = ask) is a quote; a crossed one is not. */

import { TICKER } from '../rows.ts';
import type { FeatureInput } from './feature.ts';

export const QUOTE: FeatureInput = {
  name: 'quote',
  feed: 'ticker',
  fault(columns, at) {
    const bid = bidOf(columns, at);
    const ask = askOf(columns, at);
    if (!Number.isFinite(bid) || !Number.isFinite(ask)) return 'empty';
    if (bid <= 0 || ask <= 0) return 'zero';
    return bid > ask ? 'crossed' : null;
  },
};

export function bidOf(columns: Float64Array, at: number): number {
  return columns[at + TICKER.bidPrice] ?? Number.NaN;
}

export function askOf(columns: Float64Array, at: number): number {
  return columns[at + TICKER.askPrice] ?? Number.NaN;
}
