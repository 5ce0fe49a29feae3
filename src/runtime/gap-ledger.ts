/** `collector/gaps.jsonl` (DESIGN 6.4): a line when a gap is found, one with the same id when it has ended. */

import { join } from 'node:path';
import { z } from 'zod';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Gap, GapChange, GapSide } from '../core/gap.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { type Failure, failure } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import type { FileReport } from '../io/file-ops.ts';
import { readJsonLines } from '../io/json-lines.ts';
import type { Chain } from './coverage-lines.ts';
import { createGapCalendar, type GapCalendar } from './gap-times.ts';
import { createLines, type Lines } from './ledger.ts';
import type { Left } from './protocol.ts';

/** While the disk takes nothing: more than a thousand books can lose at once. */
const MAX_WAITING = 50_000;
/** The days that coverage can still judge at a start, and the one before them. */
const KEPT_US = 32 * 86_400_000_000;
const FILLED_US = 86_400_000_000;
/** Rows are written and fsynced by then, by the default settings. */
const DURABLE_MS = 2_500;

const sideLine = z.object({
  seq: z.number().exactOptional(),
  id: z.string().exactOptional(),
  first_id: z.string().exactOptional(),
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
  to: sideLine.exactOptional(),
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
/** So many lines before it were given up. */
const lostLine = z.object({ ts: z.number(), lost: z.int().positive() });

export interface GapLedger extends Pick<Lines, 'errors' | 'settled'> {
  change(change: GapChange): void;
  /** Those of a feed that have not ended, oldest first; after a start, those that an earlier run left too. */
  open(venue: string, feed: Feed): Left['open'];
  /** Trades of it were fetched within the last day, or are being fetched. */
  wasFilled(chain: Chain): boolean;
  /** Of the last days; after a start of the last 32, until `forget` is told of fewer. */
  readonly times: GapCalendar['of'];
  /**
   * Drops what ended before a time (µs UTC), and what is too old for `wasFilled`. A gap that is open is kept: its symbol
   * can come back and end it.
   */
  forget(beforeUs: number): void;
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
  const open = new Map<string, { readonly gap: Gap; readonly to?: GapSide | undefined }>();
  /** When trades were fetched last, µs. */
  const filled = new Map<string, number>();
  /** Lines that wait until the rows that they tell of are on disk. */
  const waiting = new Map<object, Cancel>();
  const calendar = createGapCalendar();
  const keptFromUs = clock.wallUs() - KEPT_US;

  const read = await readJsonLines(path, (value) => {
    const line = anyLine.safeParse(value);
    if (!line.success) return lostLine.safeParse(value).success;
    const { data } = line;
    const tsUs = (stamped.safeParse(value).data?.ts ?? 0) * 1e6;
    if (data.state === 'open') open.set(data.id, { gap: data, to: data.to });
    else open.delete(data.id);
    if (data.state === 'closed' && data.backfilled > 0) filled.set(keyOf(data), tsUs);
    if (data.state === 'open') calendar.take(data, null, tsUs);
    else if (tsUs > keptFromUs) calendar.take(data, data, tsUs);
    else calendar.drop(data);
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
  calendar.forget(keptFromUs);

  const lines = createLines({
    ...{ path, clock, onReport, maxWaiting: MAX_WAITING },
    lostLine: (count) => ({ ts: seconds(clock.wallUs()), lost: count }),
  });

  /** After a kill the ledger must not say that rows are there which are not. */
  const addLater = (line: object): void => {
    const cancel = clock.after(DURABLE_MS, () => {
      waiting.delete(line);
      lines.add(line);
    });
    waiting.set(line, cancel);
  };

  return {
    errors: lines.errors,
    settled() {
      for (const [line, cancel] of waiting) {
        cancel();
        lines.add(line);
      }
      waiting.clear();
      return lines.settled();
    },
    times: calendar.of,
    forget(beforeUs) {
      calendar.forget(beforeUs);
      for (const [key, us] of filled) if (us <= clock.wallUs() - FILLED_US) filled.delete(key);
    },
    change(change) {
      const { id, venue, feed, symbol, kind, reason, from } = change.gap;
      const ts = seconds(clock.wallUs());
      calendar.take(change.gap, change.state === 'closed' ? change.end : null, clock.wallUs());
      if (change.state === 'open') {
        const to = change.to && { to: change.to };
        open.set(id, { gap: change.gap, ...to });
        lines.add({ id, ts, state: 'open', venue, feed, symbol, kind, reason, from, ...to });
        return;
      }
      open.delete(id);
      const { to, repaired, how, missing, backfilled } = change.end;
      const line = {
        ...{ id, ts, state: 'closed', venue, feed, symbol, kind, reason, from },
        ...{ to, repaired, how, missing, backfilled },
      };
      if (backfilled === 0) return lines.add(line);
      filled.set(keyOf(change.gap), clock.wallUs());
      addLater(line);
    },
    open: (venue, feed) => [...open.values()].filter(({ gap }) => gap.venue === venue && gap.feed === feed),
    wasFilled(chain) {
      const us = filled.get(keyOf(chain)) ?? 0;
      const isOpen = [...open.values()].some(({ gap }) => keyOf(gap) === keyOf(chain));
      return isOpen || us > clock.wallUs() - FILLED_US;
    },
  };
}

const keyOf = ({ venue, feed, symbol }: Chain): string => `${venue} ${feed} ${symbol}`;
