/** `collector/gaps.jsonl` (DESIGN 6.4): a line when a gap is found, one with the same id when it has ended. */

import { join } from 'node:path';
import { z } from 'zod';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Gap, GapChange } from '../core/gap.ts';
import type { Clock } from '../core/ports.ts';
import { type Failure, failure } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import type { FileReport } from '../io/file-ops.ts';
import { readJsonLines } from '../io/json-lines.ts';
import { createGapCalendar, type GapCalendar } from './gap-times.ts';
import { createLines, type Lines } from './ledger.ts';

/** While the disk takes nothing: more than a thousand books can lose at once. */
const MAX_WAITING = 50_000;
const KEPT_US = 2 * 86_400_000_000;

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

const closedLine = openLine.extend({
  state: z.literal('closed'),
  to: sideLine,
  repaired: z.enum(['full', 'partial', 'none']),
  how: z.string().default(''),
  missing: z.number().nullable().default(null),
  backfilled: z.number().default(0),
});

const anyLine = z.discriminatedUnion('state', [openLine, closedLine]);
const stamped = z.object({ ts: z.number() });

export interface GapLedger extends Pick<Lines, 'errors' | 'settled'> {
  change(change: GapChange): void;
  /** Those of a feed that have not ended, oldest first; after a start, those that an earlier run left too. */
  open(venue: string, feed: Feed): readonly Gap[];
  /** Of the last days. */
  readonly times: GapCalendar['of'];
  /** Drops what is too old for `times`. */
  forget(): void;
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
  const calendar = createGapCalendar();
  const forget = (): void => calendar.forget(clock.wallUs() - KEPT_US);

  const read = await readJsonLines(path, (value) => {
    const line = anyLine.safeParse(value);
    if (!line.success) return false;
    const { data } = line;
    if (data.state === 'open') open.set(data.id, data);
    else open.delete(data.id);
    calendar.take(data, data.state === 'open' ? null : data, (stamped.safeParse(value).data?.ts ?? 0) * 1e6);
    return true;
  });
  if (!read.ok) onError('collector/gaps.jsonl', read.error);
  else if (read.value !== null && read.value.bad > 0) {
    const { bad, firstBad } = read.value;
    onError(
      'collector/gaps.jsonl',
      failure('bad_lines', `${bad} lines are no gaps, the first is line ${firstBad}`),
    );
  }
  forget();

  const lines = createLines({
    ...{ path, clock, onReport, maxWaiting: MAX_WAITING },
    lostLine: (count) => ({ ts: seconds(clock.wallUs()), lost: count }),
  });

  return {
    errors: lines.errors,
    settled: lines.settled,
    times: calendar.of,
    forget,
    change(change) {
      const { id, venue, feed, symbol, kind, reason, from } = change.gap;
      const ts = seconds(clock.wallUs());
      calendar.take(change.gap, change.state === 'closed' ? change.end : null, clock.wallUs());
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
