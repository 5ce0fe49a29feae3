/** The collector's ledgers: what happened to it (`events.jsonl`), a line each, durable in their order. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { appendLine } from '../io/atomic.ts';
import type { FileOps, FileReport } from '../io/file-ops.ts';
import type { Fact } from './protocol.ts';

export interface Lines {
  add(line: object): void;
  /** Failed tries to write. */
  errors(): { readonly count: number; readonly last: Failure | null };
  /** Resolves when every line so far is on disk, or has failed. */
  settled(): Promise<void>;
}

export interface LinesOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Lines that wait for a disk that does not take them; of more, the oldest are lost. */
  readonly maxWaiting: number;
  /** A line that tells of lines lost before it. */
  lostLine(count: number): object;
  onReport(report: FileReport): void;
  readonly ops?: FileOps | undefined;
}

export interface Ledger extends Pick<Lines, 'errors' | 'settled'> {
  note(fact: Fact): void;
}

const MAX_WAITING = 1_000;
const RETRY_MS = 5_000;

export function createLedger(
  dataDir: string,
  clock: Clock,
  onReport: (report: FileReport) => void,
  ops?: FileOps,
): Ledger {
  const lineOf = ({ type, scope, ...more }: Fact): object => ({
    ts: seconds(clock.wallUs()),
    type,
    scope,
    ...more,
  });
  const lines = createLines({
    path: join(dataDir, 'collector', 'events.jsonl'),
    ...{ clock, onReport, ops, maxWaiting: MAX_WAITING },
    lostLine: (count) => lineOf({ type: 'lost', scope: 'collector', lines: count }),
  });
  return { ...lines, note: (fact) => lines.add(lineOf(fact)) };
}

/** Lines appended to a file for as long as its disk takes them, and kept for it while it does not. */
export function createLines({ path, clock, maxWaiting, lostLine, onReport, ops }: LinesOptions): Lines {
  let waiting: string[] = [];
  let lost = 0;
  let count = 0;
  let last: Failure | null = null;
  let isFailing = false;
  let settled: Promise<void> = Promise.resolve();

  /** All that waits, in one write: on a failure none of it is in the file. */
  const write = async (): Promise<void> => {
    const lines = waiting;
    waiting = [];
    if (lines.length === 0) return;
    if (lost > 0) lines.unshift(JSON.stringify(lostLine(lost)));
    const options = { clock, report: onReport, ...(ops && { ops }) };
    const results = await Promise.all(lines.map((line) => appendLine(path, line, options)));
    const failed = results.find((result) => !result.ok);
    if (failed === undefined || failed.ok) {
      lost = 0;
      isFailing = false;
      return;
    }
    count += 1;
    last = failed.error;
    waiting = [...(lost > 0 ? lines.slice(1) : lines), ...waiting];
    lost += Math.max(0, waiting.length - maxWaiting);
    waiting = waiting.slice(-maxWaiting);
    isFailing = true;
    clock.after(RETRY_MS, () => {
      isFailing = false;
      next();
    });
  };

  const next = (): void => {
    settled = settled.then(write);
  };

  return {
    add(line) {
      waiting.push(JSON.stringify(line));
      // A disk that has just failed is not asked for each line.
      if (!isFailing) next();
      else if (waiting.length > 2 * maxWaiting) {
        lost += waiting.length - maxWaiting;
        waiting = waiting.slice(-maxWaiting);
      }
    },
    errors: () => ({ count, last }),
    settled() {
      // The last chance of what a failing disk has not taken.
      if (isFailing) next();
      return settled;
    },
  };
}
