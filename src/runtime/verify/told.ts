/** What the collector's own files tell of rows that should be there, whatever became of the files of rows. */

import { z } from 'zod';
import { FEEDS, type Feed } from '../../core/event.ts';
import { rawFile } from '../../flow/rows.ts';
import { readNewestCoverage } from '../../io/coverage-files.ts';
import { parseJson } from '../../io/json-lines.ts';
import type { Hints } from './hints.ts';
import type { GapLedger } from './ledger.ts';
import type { Hole } from './report.ts';

/** A row that was received is in its file by then, by the default settings and some. */
const DURABLE_SEC = 10;
const LISTED = 1_000;
/** Coverage is written once a minute, and at the stop. */
const AHEAD_US = 3_600_000_000;

const coverage = z.object({ ts: z.number(), since: z.record(z.string(), z.number()) });

/** The newest coverage file: when it was written, and by chain its first row that was known of. Epoch seconds. */
export interface ToldRows {
  readonly ts: number;
  readonly chains: readonly {
    readonly venue: string;
    readonly feed: Feed;
    readonly symbol: string;
    readonly stem: string;
    readonly ts: number;
  }[];
}

/** Null where there is no such file, or (in `faults`) none that can be read. */
export async function readTold(dataDir: string, faults: string[]): Promise<ToldRows | null> {
  const read = await readNewestCoverage(dataDir);
  if (!read.ok) faults.push(read.error.message);
  if (!read.ok || read.value === null) return null;
  const parsed = coverage.safeParse(parseJson(read.value.text));
  if (!parsed.success) {
    faults.push(`${read.value.file}: it is not what a coverage file should be`);
    return null;
  }
  const chains = Object.entries(parsed.data.since).flatMap(([key, ts]) => {
    const [, venue = '', word = '', symbol = ''] = /^([^.]+)\.([^.]+)\.(.+)$/.exec(key) ?? [];
    const feed = FEEDS.find((one) => one === word);
    if (feed === undefined) return [];
    return [
      { venue, feed, symbol, ts, stem: rawFile(venue, feed, symbol).slice('raw/'.length, -'.csv'.length) },
    ];
  });
  return { ts: parsed.data.ts, chains };
}

/** Chains that had rows, and of which there is no file at all, nor a word that retention removed them. */
export function rowsGone(told: ToldRows | null, isThere: (stem: string) => boolean): readonly Hole[] {
  if (told === null) return [];
  return told.chains
    .filter(({ stem, ts }) => !isThere(stem) && ts < told.ts - DURABLE_SEC)
    .slice(0, LISTED)
    .map(({ venue, feed, symbol, stem, ts }) => ({
      ...{ kind: 'file', venue, feed, symbol, file: `raw/${stem}.csv`, line: null },
      from: { local_ts: ts, id: null, seq: null },
      to: { local_ts: null, id: null, seq: null },
      ...{ missing: null, explained_by: [], hints: [] },
    }));
}

/**
 * No row was received behind this time, µs: the collector wrote on for as long as it ran, by the same clock. Null: the last
 * run has written no coverage, so that nothing tells when it ended.
 */
export function horizonUs(told: ToldRows | null, hints: Hints): number | null {
  if (told === null || (hints.lastStartUs() ?? 0) > told.ts * 1e6) return null;
  return Math.max(told.ts * 1e6, hints.newestUs()) + AHEAD_US;
}

/** Why there should be something where there is no row at all; null: nothing says so. */
export function rawGone(
  found: { readonly hasRaw: boolean; readonly rows: boolean },
  ledger: GapLedger,
  hints: Hints,
): string | null {
  if (found.rows) return null;
  if (!found.hasRaw && hints.lastStartUs() !== null)
    return 'raw/ is not there, and events.jsonl tells of a start';
  // What has not begun has no gap.
  return ledger.count().gaps > 0 ? 'raw/ holds no rows, and gaps.jsonl tells of gaps in them' : null;
}
