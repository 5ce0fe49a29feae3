/** What a fetcher goes on from: the tail of its own files, never a state file that could disagree with them. */

import { splitRow } from '../core/csv-row.ts';
import type { Feed } from '../core/event.ts';
import type { GapSide } from '../core/gap.ts';
import { type Failure, failureOf } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import type { Located } from '../core/venue.ts';
import { HEADERS, rawFile } from '../flow/rows.ts';
import type { CsvRecord } from '../io/csv-read.ts';

/** Trades that are known again after a start: more than a venue repeats, or a back-fill overlaps. */
const IDS = 1_000;

export interface ResumePort {
  /** The newest rows of a live file and, where it has fewer, of its newest archive; oldest first. */
  tail(file: string, count: number): Promise<readonly CsvRecord[]>;
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
    const rows = await tailOf(file, feed, port);
    const newest = rows.at(-1);
    if (newest === undefined) continue;
    last[symbol] = lastOf(newest);
    if (feed === 'trades') seen[symbol] = rows.map((row) => row.id ?? '');
  }
  return { seen, last };
}

async function tailOf(file: string, feed: Feed, port: ResumePort): Promise<readonly CsvRecord[]> {
  const waiting = port.waiting(file).flatMap((bytes) => recordsOf(Buffer.from(bytes).toString('utf8'), feed));
  const count = feed === 'trades' ? IDS : 1;
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
