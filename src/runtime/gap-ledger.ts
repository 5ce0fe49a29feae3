/** `collector/gaps.jsonl` (DESIGN 6.4): a line when a gap is found, one with the same id when it has ended. */

import { join } from 'node:path';
import { z } from 'zod';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Gap, GapChange } from '../core/gap.ts';
import type { Clock } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import type { FileReport } from '../io/file-ops.ts';
import { readJsonLines } from '../io/json-lines.ts';
import { createLines, type Lines } from './ledger.ts';

/** While the disk takes nothing: more than a thousand books can lose at once. */
const MAX_WAITING = 50_000;

const sideLine = z.object({
  seq: z.number().exactOptional(),
  id: z.string().exactOptional(),
  ts: z.number().exactOptional(),
  local_ts: z.number().exactOptional(),
});

const openLine = z.object({
  id: z.string(),
  state: z.literal('open'),
  venue: z.string(),
  feed: z.enum(FEEDS),
  symbol: z.string(),
  kind: z.enum(['sequence', 'disconnect', 'stall', 'drift', 'overflow', 'downtime']),
  reason: z.string().default(''),
  from: sideLine,
});

const anyLine = z.object({ id: z.string(), state: z.enum(['open', 'closed']) });

export interface GapLedger extends Pick<Lines, 'errors' | 'settled'> {
  change(change: GapChange): void;
  /** Those of a feed that have not ended, oldest first; after a start, those that an earlier run left too. */
  open(venue: string, feed: Feed): readonly Gap[];
}

export interface GapLedgerOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  onReport(report: FileReport): void;
  onError(scope: string, failure: Failure): void;
}

/** Reads what earlier runs wrote. A file that cannot be read leaves gaps open for ever, and is said. */
export async function openGapLedger({
  dataDir,
  clock,
  onReport,
  onError,
}: GapLedgerOptions): Promise<GapLedger> {
  const path = join(dataDir, 'collector', 'gaps.jsonl');
  const open = new Map<string, Gap>();

  const read = await readJsonLines(path, (value) => {
    const line = anyLine.safeParse(value);
    if (!line.success) return false;
    open.delete(line.data.id);
    if (line.data.state === 'closed') return true;
    const gap = openLine.safeParse(value);
    if (gap.success) open.set(gap.data.id, gap.data);
    return gap.success;
  });
  if (!read.ok) onError('collector/gaps.jsonl', read.error);

  const lines = createLines({
    ...{ path, clock, onReport, maxWaiting: MAX_WAITING },
    lostLine: (count) => ({ ts: seconds(clock.wallUs()), lost: count }),
  });

  return {
    errors: lines.errors,
    settled: lines.settled,
    change(change) {
      const { id, venue, feed, symbol, kind, reason, from } = change.gap;
      const ts = seconds(clock.wallUs());
      if (change.state === 'open') {
        open.set(id, change.gap);
        lines.add({ id, ts, state: 'open', venue, feed, symbol, kind, reason, from });
        return;
      }
      open.delete(id);
      const { to, repaired, how, missing, backfilled } = change.end;
      lines.add({
        ...{ id, ts, state: 'closed', venue, feed, symbol, kind, reason, from },
        ...{ to, repaired, how, missing, backfilled },
      });
    },
    open: (venue, feed) => [...open.values()].filter((gap) => gap.venue === venue && gap.feed === feed),
  };
}
