/** One file of `capture/`: readable to its end, and each line one of a recording. */

import { join } from 'node:path';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { isPlausibleUs, seconds } from '../../core/time.ts';
import { parseJson } from '../../io/json-lines.ts';
import { createLineScan } from '../../io/line-scan.ts';
import { readPart } from '../../io/part-read.ts';
import type { FoundFile } from '../../io/recorded-files.ts';
import { type CapturePart, hole as captureHole, placeOf, UNFLUSHED_US } from './capture-runs.ts';
import type { GapLedger } from './ledger.ts';
import { type CaptureReport, type Hole, verdictOf } from './report.ts';

export interface CaptureContext {
  readonly dataDir: string;
  readonly ledger: GapLedger;
  progress(bytes: number): void;
}

export interface CheckedCapture {
  readonly report: CaptureReport;
  readonly holes: readonly Hole[];
  readonly part: CapturePart;
}

/** Fails with `gone` where it was removed meanwhile. */
export async function checkCapture(
  { file, bytes, unreadable }: FoundFile,
  context: CaptureContext,
): Promise<Result<CheckedCapture>> {
  const kinds: Record<string, number> = {};
  let lines = 0;
  let malformed = 0;
  let isHeaded = true;
  let firstTs: number | null = null;
  let lastTs: number | null = null;
  let run: CapturePart['run'] = null;
  /** Lines of the run before the next one. */
  let reached = 0;
  let missing = 0;
  let twice = 0;
  let dropped = 0;
  let isStopped = false;
  const scan = createLineScan({
    line(text) {
      lines += 1;
      const read = lineOf(text);
      isStopped = read?.what === 'stop';
      if (read !== null && lines === 1 && read.kind === 'header') {
        run = read.run;
        reached = read.run?.line ?? 0;
      } else {
        const told = read?.line ?? reached;
        missing += Math.max(0, told - reached);
        twice += told < reached ? 1 : 0;
        reached = told + 1;
      }
      if (read === null) {
        malformed += 1;
        return;
      }
      if (lines === 1) isHeaded = read.kind === 'header';
      if (lines === 2 && read.what === 'dropped') dropped = read.count;
      kinds[read.kind] = (kinds[read.kind] ?? 0) + 1;
      if (read.ts === null) return;
      firstTs = Math.min(firstTs ?? read.ts, read.ts);
      lastTs = Math.max(lastTs ?? read.ts, read.ts);
    },
    tooLong() {
      lines += 1;
      reached += 1;
      isStopped = false;
      malformed += 1;
    },
  });
  const path = join(context.dataDir, ...file.split('/'));
  const read =
    unreadable === null
      ? await readPart(path, null, { block: scan.add, progress: context.progress })
      : err(failure('unreadable', unreadable));
  if (!read.ok && read.error.code === 'gone') return read;

  const faults: string[] = [];
  let tornBytes = 0;
  let end: CapturePart['end'] = isStopped ? 'stop' : 'open';
  if (!read.ok) faults.push(read.error.message);
  else {
    const { gzip, hasGrown } = read.value;
    if (gzip !== null && gzip.damage !== null)
      faults.push(`behind byte ${gzip.wholeBytes}: ${gzip.damage.message}`);
    const torn = gzip === null ? scan.rest() : gzip.tornBytes;
    // Half a write of a capture that goes on is no tear.
    if (!hasGrown) tornBytes = torn;
    if (hasGrown) end = 'growing';
    else if (torn > 0) end = 'torn';
    if (torn === 0 && scan.rest() > 0 && faults.length === 0)
      faults.push(`${scan.rest()} bytes behind the last whole line`);
  }
  if (!isHeaded) faults.push('it does not begin with a header');
  if (malformed > 0) faults.push(`${malformed} of ${lines} lines are no lines of a recording`);
  if (twice > 0) faults.push(`gzip members that stand there twice, or in another order: ${twice}`);
  const holes: Hole[] = [];
  if (tornBytes > 0) holes.push(tornHole(file, lastTs, context.ledger));
  // Nothing but the file says where within it they should stand.
  if (missing > 0) holes.push(captureHole(file, firstTs, lastTs, { missing }));
  const explained = holes.filter(({ explained_by }) => explained_by.length > 0).length;
  const report: CaptureReport = {
    file,
    verdict: verdictOf(faults.length, explained, holes.length - explained),
    bytes: read.ok ? read.value.bytes : bytes,
    members: read.ok ? (read.value.gzip?.members ?? 0) : 0,
    lines,
    kinds,
    malformed,
    torn_bytes: tornBytes,
    first_ts: firstTs,
    last_ts: lastTs,
    faults,
  };
  const isRead = read.ok && read.value.gzip?.damage == null;
  const part = { file, run, reached, dropped, lines, firstTs, lastTs, end: isRead ? end : 'torn' } as const;
  return ok({ report, holes, part });
}

/** What was lost at its end: explained by a gap of that feed that was open then, or opened soon after. */
function tornHole(file: string, lastTs: number | null, ledger: GapLedger): Hole {
  const { venue, feed } = placeOf(file);
  const lastUs = Math.round((lastTs ?? 0) * 1e6);
  const gaps = ledger.touching(venue, feed, lastUs, lastUs + UNFLUSHED_US);
  const from = lastTs === null ? null : seconds(lastUs);
  return captureHole(file, from, null, { explained_by: gaps.map(({ id }) => id) });
}

interface CaptureLine {
  readonly kind: string;
  readonly ts: number | null;
  /** Of a note. */
  readonly what: string | null;
  readonly count: number;
  /** Lines of the run before it; null where it does not tell, and of a header. */
  readonly line: number | null;
  /** Of a header. */
  readonly run: CapturePart['run'];
}

/** Null for what is no line of a recording (DESIGN 6.4). */
function lineOf(text: string): CaptureLine | null {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return null;
  const { t, ts, data, conn, what, count, line, run, part } = value as Readonly<Record<string, unknown>>;
  if (typeof t !== 'string') return null;
  if (typeof ts === 'number' && !isPlausibleUs(Math.round(ts * 1e6))) return null;
  const isFrame = t === 'recv' || t === 'send' || t === 'http';
  if (isFrame && (typeof data !== 'string' || typeof ts !== 'number')) return null;
  if ((t === 'recv' || t === 'send') && typeof conn !== 'string') return null;
  const isHeader = t === 'header';
  return {
    kind: t,
    ts: typeof ts === 'number' ? ts : null,
    what: t === 'note' && typeof what === 'string' ? what : null,
    count: isCount(count) ? count : 0,
    line: isHeader || !isCount(line) ? null : line,
    run:
      isHeader && typeof run === 'number' && isCount(part) && isCount(line) ? { ts: run, part, line } : null,
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
