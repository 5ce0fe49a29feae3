/** What a fetcher goes on from: the tail of its own files, never a state file that could disagree with them. */

import type { Feed } from '../core/event.ts';
import { err, failureOf, ok, type Result } from '../core/result.ts';
import type { Located } from '../core/venue.ts';
import { rawFile } from '../flow/rows.ts';
import type { CsvRecord } from '../io/csv-read.ts';

/** Trades that are known again after a start: more than a venue repeats, or a back-fill overlaps. */
const IDS = 1_000;

export interface ResumePort {
  /** The newest rows of a live file and, where it has fewer, of its newest archive; oldest first. */
  tail(file: string, count: number): Promise<readonly CsvRecord[]>;
}

export interface Resumed {
  /** The newest trade ids by symbol, oldest first. */
  readonly seen: Readonly<Record<string, readonly string[]>>;
  /** The newest row of each symbol that has any, for the ledger. */
  readonly last: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export async function resumeFeed(
  venue: string,
  feed: Feed,
  instruments: readonly Located[],
  port: ResumePort,
): Promise<Result<Resumed>> {
  const seen: Record<string, readonly string[]> = {};
  const last: Record<string, Readonly<Record<string, unknown>>> = {};
  try {
    for (const { symbol } of instruments) {
      const rows = await port.tail(rawFile(venue, feed, symbol), feed === 'trades' ? IDS : 1);
      const newest = rows.at(-1);
      if (newest === undefined) continue;
      last[symbol] = lastOf(newest);
      if (feed === 'trades') seen[symbol] = rows.map((row) => row.id ?? '');
    }
  } catch (thrown) {
    return err(failureOf(thrown));
  }
  return ok({ seen, last });
}

function lastOf({ id, sequence, local_timestamp }: CsvRecord): Readonly<Record<string, unknown>> {
  const ts = Number(local_timestamp) / 1_000_000;
  return { ...(id !== undefined && { id }), ...(sequence && { seq: Number(sequence) }), local_ts: ts };
}
