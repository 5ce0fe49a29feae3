/** Signal rows as CSV (DESIGN 6.3): the day's file of each pair, and the newest row of each signal. */

import { encodeRow } from '../core/csv.ts';
import { fileSymbol } from '../core/symbol.ts';
import { dayOf } from '../core/time.ts';
import { numberText } from './features/number.ts';
import { SIGNALS } from './signals/index.ts';
import type { SignalBatch, SignalRow, SignalRule } from './signals/signal.ts';

/** Whole rows to append to `file` (relative to the data directory), after `header` (no line end) where it is new. */
export interface FileRows {
  readonly file: string;
  readonly header: string;
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** A row (with its line end) of a file in `latest/` that replaces the earlier row of the same `key`. */
export interface LatestRow {
  readonly file: string;
  readonly header: string;
  readonly key: string;
  readonly row: string;
}

const LATEST = 'latest/signal-latest.csv';
export const SIGNAL_HEADER = 'timestamp,pair,signal,value,direction,strength,features,exchange';

/** `signals/signal-{pair}-{YYYYMMDD}.csv`, the UTC day of each row's timestamp; files in order of their first row. */
export function signalFiles(batch: SignalBatch): readonly FileRows[] {
  const texts = new Map<string, string[]>();
  for (const row of batch.rows) {
    const file = `signals/signal-${fileSymbol(row.pair)}-${dayOf(row.timestampUs)}.csv`;
    const rows = texts.get(file);
    if (rows) rows.push(encodeSignal(row));
    else texts.set(file, [encodeSignal(row)]);
  }
  const encoder = new TextEncoder();
  return [...texts].map(([file, rows]) => ({
    file,
    header: SIGNAL_HEADER,
    bytes: encoder.encode(rows.join('')),
    rows: rows.length,
  }));
}

/** `latest/signal-latest.csv`: the newest row per pair, signal and exchange, in order of first appearance. */
export function latestSignals(batch: SignalBatch): readonly LatestRow[] {
  const newest = new Map<string, SignalRow>();
  for (const row of batch.rows) newest.set(latestKey(row.exchange, row.pair, row.signal), row);
  return [...newest].map(([key, row]) => ({
    file: LATEST,
    header: SIGNAL_HEADER,
    key,
    row: encodeSignal(row),
  }));
}

/** Where the newest rows of a symbol stand. */
export function latestSignalsOf(
  venue: string,
  symbol: string,
  rules: readonly SignalRule[] = SIGNALS,
): readonly Pick<LatestRow, 'file' | 'key'>[] {
  return rules.map(({ name }) => ({ file: LATEST, key: latestKey(venue, symbol, name) }));
}

function latestKey(exchange: string, pair: string, signal: string): string {
  return JSON.stringify([pair, signal, exchange]);
}

function encodeSignal(row: SignalRow): string {
  return encodeRow([
    row.timestampUs,
    row.pair,
    row.signal,
    numberText(row.value),
    row.direction,
    numberText(row.strength),
    row.features,
    row.exchange,
  ]);
}
