/**
 * The parts of a feed's captures against each other: each tells how many lines of its run stand before it, and a run that
 * ended in order tells so in its last line. The rule stands in docs/verify.md.
 */

import { seconds } from '../../core/time.ts';
import type { Hints } from './hints.ts';
import type { GapLedger } from './ledger.ts';
import type { Hole } from './report.ts';

/** What was not flushed yet when the process was killed. */
export const UNFLUSHED_US = 5_000_000;
const HOUR_US = 3_600_000_000;

/** What one file tells of its run. */
export interface CapturePart {
  /** `capture/{venue}/{feed}/{day}/{HH}….jsonl.gz`. */
  readonly file: string;
  /** Of its header; null where it has none that tells. */
  readonly run: { readonly ts: number; readonly part: number; readonly line: number } | null;
  /** Lines of the run up to its end, as far as they stand in it. */
  readonly reached: number;
  /** Lines that its first one tells of: they could not be written. */
  readonly dropped: number;
  readonly lines: number;
  readonly firstTs: number | null;
  readonly lastTs: number | null;
  readonly end: 'stop' | 'torn' | 'growing' | 'open';
}

export interface RunsContext {
  readonly ledger: GapLedger;
  readonly hints: Hints;
  /** Captures that retention removed. */
  readonly removed: readonly string[];
  /** Whether the feed had given a row by then: before, nothing is missing, and no gap is told. */
  hasBegun(venue: string, feed: string, ts: number): boolean;
}

/** Holes between the parts, at the ends of runs, and where a file is empty. */
export function checkRuns(parts: readonly CapturePart[], context: RunsContext): readonly Hole[] {
  const feeds = new Map<string, CapturePart[]>();
  for (const part of parts) {
    const { venue, feed } = placeOf(part.file);
    const key = `${venue} ${feed}`;
    const known = feeds.get(key);
    if (known === undefined) feeds.set(key, [part]);
    else known.push(part);
  }
  return [...feeds.values()].flatMap((own) => [
    ...own.flatMap((part) => emptyHole(part, context) ?? []),
    ...feedHoles(own, context),
  ]);
}

function feedHoles(parts: readonly CapturePart[], context: RunsContext): readonly Hole[] {
  const ordered = parts
    .flatMap((part) => (part.run === null ? [] : [{ part, run: part.run }]))
    .sort((a, b) => a.run.ts - b.run.ts || a.run.part - b.run.part);
  return ordered.flatMap(({ part, run }, at) => {
    const [before, behind] = [ordered[at - 1], ordered[at + 1]];
    const previous = before?.run.ts === run.ts ? before : null;
    const isLast = behind?.run.ts !== run.ts;
    const between = betweenHole(part, run, previous, context);
    const end = isLast ? endHole(part, behind?.part ?? null, context) : null;
    return [between ?? [], end ?? []].flat();
  });
}

type Placed = { readonly part: CapturePart; readonly run: NonNullable<CapturePart['run']> };

/** Lines that should stand before a part, and do not. */
function betweenHole(
  part: CapturePart,
  run: Placed['run'],
  previous: Placed | null,
  { removed }: RunsContext,
): Hole | null {
  const missing = run.line - (previous?.part.reached ?? 0) - part.dropped;
  if (missing <= 0) return null;
  const gone = removedBetween(removed, previous?.part.file ?? null, part.file);
  if (gone >= Math.max(1, run.part - (previous?.run.part ?? 0) - 1)) return null;
  return hole(part.file, previous?.part.lastTs ?? run.ts, part.firstTs, { missing });
}

/** The run's end is not what its last line should be. */
function endHole(part: CapturePart, next: CapturePart | null, context: RunsContext): Hole | null {
  const { ledger, hints, removed } = context;
  // What is torn is told with the file; what grows goes on.
  if (part.end !== 'open' || part.lastTs === null) return null;
  const { venue, feed } = placeOf(part.file);
  const lastUs = Math.round(part.lastTs * 1e6);
  if (removedBetween(removed, part.file, next?.file ?? null) > 0) return null;
  const ended = hints.endOf(venue, feed, lastUs);
  const near = hints.near(venue, feed, null, lastUs, lastUs);
  if (ended === 'stop') return hole(part.file, part.lastTs, null, { hints: near });
  // It may go on; or it was killed, which the next start will tell.
  if (next === null) return null;
  const gaps = ledger.touching(venue, feed, lastUs, lastUs + UNFLUSHED_US);
  if (gaps.length === 0 && !context.hasBegun(venue, feed, part.lastTs)) return null;
  return hole(part.file, part.lastTs, null, { explained_by: gaps.map(({ id }) => id), hints: near });
}

/** A file without a line is what a kill leaves that came before the first write, or was emptied. */
function emptyHole({ file, lines, end }: CapturePart, context: RunsContext): Hole | null {
  if (lines > 0 || end !== 'open') return null;
  const { venue, feed, hour } = placeOf(file);
  const fromUs = Date.parse(`${hour.replace('/', 'T')}:00:00Z`) * 1000;
  if (Number.isNaN(fromUs)) return hole(file, null, null, {});
  const toUs = fromUs + HOUR_US;
  const gaps = context.ledger.touching(venue, feed, fromUs, toUs + UNFLUSHED_US);
  if (gaps.length === 0 && !context.hasBegun(venue, feed, seconds(toUs))) return null;
  return hole(file, seconds(fromUs), seconds(toUs), { explained_by: gaps.map(({ id }) => id) });
}

/** How many captures of the feed were removed of the hours from one file to another; null: from or to any. */
function removedBetween(removed: readonly string[], from: string | null, to: string | null): number {
  const { venue, feed } = placeOf(from ?? to ?? '');
  return removed.filter((file) => {
    const own = placeOf(file);
    if (own.venue !== venue || own.feed !== feed) return false;
    return (from === null || own.hour >= placeOf(from).hour) && (to === null || own.hour <= placeOf(to).hour);
  }).length;
}

/** `hour`: `2026-11-21/09`, in the order of time. */
export function placeOf(file: string): {
  readonly venue: string;
  readonly feed: string;
  readonly hour: string;
} {
  const [, venue = '', feed = '', day = '', name = ''] = file.split('/');
  return { venue, feed, hour: `${day}/${name.slice(0, 2)}` };
}

/** A hole of captures. Times are epoch seconds. */
export function hole(
  file: string,
  fromTs: number | null,
  toTs: number | null,
  more: Partial<Pick<Hole, 'missing' | 'explained_by' | 'hints'>>,
): Hole {
  const { venue, feed } = placeOf(file);
  return {
    ...{ kind: 'capture', venue, feed, symbol: null, file, line: null },
    from: { local_ts: fromTs, id: null, seq: null },
    to: { local_ts: toTs, id: null, seq: null },
    ...{ missing: null, explained_by: [], hints: [] },
    ...more,
  };
}
