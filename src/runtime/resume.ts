/** What a fetcher goes on from: the tail of its own files, never a state file that could disagree with them. */

import { splitRow } from '../core/csv-row.ts';
import type { Feed } from '../core/event.ts';
import type { GapSide } from '../core/gap.ts';
import { type Failure, failureOf } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { compareIds } from '../core/trade-order.ts';
import type { Located } from '../core/venue.ts';
import { HEADERS, rawFile } from '../flow/rows.ts';
import type { CsvRecord } from '../io/csv-read.ts';

/** Trades that are known again after a start: more than a venue repeats, or a back-fill overlaps. */
const IDS = 1_000;
/** Where trades were fetched lately, which stand behind newer ones: enough to see the newest. */
const DEEP_IDS = 20_000;

export interface ResumePort {
  /** The newest rows of a live file and, where it has fewer, of its newest archive; oldest first. */
  tail(file: string, count: number): Promise<readonly CsvRecord[]>;
  /** Trades of it were fetched lately, or are being fetched. */
  wasFilled(symbol: string): boolean;
  /** Rows that wait for their write to the file. */
  waiting(file: string): readonly Uint8Array[];
  /** A file could not be read: its symbol begins without what it holds, and no other does. */
  onError(file: string, error: Failure): void;
}

export interface Resumed {
  /** The newest trade ids by symbol, oldest first. */
  readonly seen: Readonly<Record<string, readonly string[]>>;
  /** The newest row of each symbol that has any, for the ledger. */
  readonly last: Readonly<Record<string, GapSide>>;
}

export async function resumeFeed(
  venue: string,
  feed: Feed,
  instruments: readonly Located[],
  port: ResumePort,
): Promise<Resumed> {
  const seen: Record<string, readonly string[]> = {};
  const last: Record<string, GapSide> = {};
  for (const { symbol } of instruments) {
    const file = rawFile(venue, feed, symbol);
    const ids = port.wasFilled(symbol) ? DEEP_IDS : IDS;
    const rows = await tailOf(file, feed, feed === 'trades' ? ids : 1, port);
    const newest = feed === 'trades' ? newestTrade(rows) : rows.at(-1);
    if (newest === undefined) continue;
    last[symbol] = lastOf(newest);
    if (feed === 'trades') seen[symbol] = rows.map((row) => row.id ?? '');
  }
  return { seen, last };
}

/** The one that happened last: fetched ones stand behind those that came meanwhile. */
function newestTrade(rows: readonly CsvRecord[]): CsvRecord | undefined {
  return rows.reduce<CsvRecord | undefined>((most, row) => {
    if (most === undefined) return row;
    const order = compareIds(row.id ?? '', most.id ?? '') ?? Number(row.timestamp) - Number(most.timestamp);
    return order >= 0 ? row : most;
  }, undefined);
}

async function tailOf(
  file: string,
  feed: Feed,
  count: number,
  port: ResumePort,
): Promise<readonly CsvRecord[]> {
  const waiting = port.waiting(file).flatMap((bytes) => recordsOf(Buffer.from(bytes).toString('utf8'), feed));
  try {
    return [...(await port.tail(file, count)), ...waiting].slice(-count);
  } catch (thrown) {
    port.onError(file, failureOf(thrown));
    return waiting.slice(-count);
  }
}

function recordsOf(text: string, feed: Feed): readonly CsvRecord[] {
  const columns = HEADERS[feed].split(',');
  return text.split('\n').flatMap((line) => {
    const cells = line === '' ? null : splitRow(line);
    return cells === null ? [] : [Object.fromEntries(columns.map((column, at) => [column, cells[at] ?? '']))];
  });
}

function lastOf({ id, sequence, timestamp, local_timestamp }: CsvRecord): GapSide {
  const times = { ts: seconds(Number(timestamp)), local_ts: seconds(Number(local_timestamp)) };
  return { ...(id !== undefined && { id }), ...(sequence && { seq: Number(sequence) }), ...times };
}
