/** One file of `capture/`: readable to its end, and each line one of a recording. */

import { join } from 'node:path';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { isPlausibleUs, seconds } from '../../core/time.ts';
import { parseJson } from '../../io/json-lines.ts';
import { createLineScan } from '../../io/line-scan.ts';
import { readPart } from '../../io/part-read.ts';
import type { FoundFile } from '../../io/recorded-files.ts';
import type { GapLedger } from './ledger.ts';
import { type CaptureReport, type Hole, verdictOf } from './report.ts';

/** What was not flushed yet when the process was killed. */
const UNFLUSHED_US = 5_000_000;

export interface CaptureContext {
  readonly dataDir: string;
  readonly ledger: GapLedger;
  progress(bytes: number): void;
}

export interface CheckedCapture {
  readonly report: CaptureReport;
  readonly hole: Hole | null;
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
  const scan = createLineScan({
    line(text) {
      lines += 1;
      const read = lineOf(text);
      if (read === null) {
        malformed += 1;
        return;
      }
      if (lines === 1) isHeaded = read.kind === 'header';
      kinds[read.kind] = (kinds[read.kind] ?? 0) + 1;
      if (read.ts === null) return;
      firstTs = Math.min(firstTs ?? read.ts, read.ts);
      lastTs = Math.max(lastTs ?? read.ts, read.ts);
    },
    tooLong() {
      lines += 1;
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
  if (!read.ok) faults.push(read.error.message);
  else {
    const { gzip, hasGrown } = read.value;
    if (gzip !== null && gzip.damage !== null)
      faults.push(`behind byte ${gzip.wholeBytes}: ${gzip.damage.message}`);
    const torn = gzip === null ? scan.rest() : gzip.tornBytes;
    // Half a write of a capture that goes on is no tear.
    if (!hasGrown) tornBytes = torn;
    if (torn === 0 && scan.rest() > 0 && faults.length === 0)
      faults.push(`${scan.rest()} bytes behind the last whole line`);
  }
  if (!isHeaded) faults.push('it does not begin with a header');
  if (malformed > 0) faults.push(`${malformed} of ${lines} lines are no lines of a recording`);
  const hole = tornBytes === 0 ? null : tornHole(file, seconds((lastTs ?? 0) * 1e6), context.ledger);
  const explained = hole === null || hole.explained_by.length === 0 ? 0 : 1;
  const report: CaptureReport = {
    file,
    verdict: verdictOf(faults.length, explained, hole === null ? 0 : 1 - explained),
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
  return ok({ report, hole });
}

/** What was lost at its end: explained by a gap of that feed that was open then, or opened soon after. */
function tornHole(file: string, lastTs: number, ledger: GapLedger): Hole {
  const [, venue = '', feed = ''] = file.split('/');
  const lastUs = Math.round(lastTs * 1e6);
  const gaps = ledger.touching(venue, feed, lastUs, lastUs + UNFLUSHED_US);
  const from = { local_ts: lastTs === 0 ? null : lastTs, id: null, seq: null };
  return {
    kind: 'capture',
    venue,
    feed,
    symbol: null,
    file,
    line: null,
    from,
    to: { local_ts: null, id: null, seq: null },
    missing: null,
    explained_by: gaps.map(({ id }) => id),
    hints: [],
  };
}

/** Null for what is no line of a recording (DESIGN 6.4). */
function lineOf(text: string): { readonly kind: string; readonly ts: number | null } | null {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return null;
  const { t, ts, data, conn } = value as Readonly<Record<string, unknown>>;
  if (typeof t !== 'string') return null;
  if (typeof ts === 'number' && !isPlausibleUs(Math.round(ts * 1e6))) return null;
  const isFrame = t === 'recv' || t === 'send' || t === 'http';
  if (isFrame && (typeof data !== 'string' || typeof ts !== 'number')) return null;
  if ((t === 'recv' || t === 'send') && typeof conn !== 'string') return null;
  return { kind: t, ts: typeof ts === 'number' ? ts : null };
}
