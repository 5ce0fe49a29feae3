/** `collector/events.jsonl`: what happened to the collector, a line each. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { appendLine } from '../io/atomic.ts';
import type { FileOps, FileReport } from '../io/file-ops.ts';
import type { Fact } from './protocol.ts';

export interface Ledger {
  note(fact: Fact): void;
  /** Failed tries to write. */
  errors(): { readonly count: number; readonly last: Failure | null };
  /** Resolves when every line so far is on disk, or has failed. */
  settled(): Promise<void>;
}

/** Lines that wait for a disk that does not take them; of more, the oldest are lost, and counted in a line. */
const MAX_WAITING = 1_000;
const RETRY_MS = 5_000;

export function createLedger(
  dataDir: string,
  clock: Clock,
  onReport: (report: FileReport) => void,
  ops?: FileOps,
): Ledger {
  const path = join(dataDir, 'collector', 'events.jsonl');
  let waiting: string[] = [];
  let lost = 0;
  let count = 0;
  let last: Failure | null = null;
  let isFailing = false;
  let settled: Promise<void> = Promise.resolve();

  const lineOf = ({ type, scope, ...more }: Fact): string =>
    JSON.stringify({ ts: seconds(clock.wallUs()), type, scope, ...more });

  /** All that waits, in one write: on a failure none of it is in the file. */
  const write = async (): Promise<void> => {
    const lines = waiting;
    waiting = [];
    if (lines.length === 0) return;
    if (lost > 0) lines.unshift(lineOf({ type: 'lost', scope: 'collector', lines: lost }));
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
    lost += Math.max(0, waiting.length - MAX_WAITING);
    waiting = waiting.slice(-MAX_WAITING);
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
    note(fact) {
      waiting.push(lineOf(fact));
      // A disk that has just failed is not asked for each line.
      if (!isFailing) next();
      else if (waiting.length > 2 * MAX_WAITING) {
        lost += waiting.length - MAX_WAITING;
        waiting = waiting.slice(-MAX_WAITING);
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
