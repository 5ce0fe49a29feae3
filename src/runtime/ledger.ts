/** `collector/events.jsonl`: what happened to the collector, a line each. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { appendLine } from '../io/atomic.ts';
import type { FileReport } from '../io/file-ops.ts';
import type { Fact } from './protocol.ts';

export interface Ledger {
  note(fact: Fact): void;
  /** Lines that could not be written. */
  errors(): { readonly count: number; readonly last: Failure | null };
  /** Resolves when every line so far is on disk, or has failed. */
  settled(): Promise<void>;
}

export function createLedger(dataDir: string, clock: Clock, onReport: (report: FileReport) => void): Ledger {
  const path = join(dataDir, 'collector', 'events.jsonl');
  let count = 0;
  let last: Failure | null = null;
  let settled: Promise<void> = Promise.resolve();
  return {
    note({ type, scope, ...more }) {
      const line = JSON.stringify({ ts: seconds(clock.wallUs()), type, scope, ...more });
      settled = appendLine(path, line, { clock, report: onReport }).then((result) => {
        if (result.ok) return;
        count += 1;
        last = result.error;
      });
    },
    errors: () => ({ count, last }),
    settled: () => settled,
  };
}
