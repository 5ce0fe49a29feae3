/** A virtual soak from its beginning to its report. */

import type { Result } from '../../core/result.ts';
import { ok } from '../../core/result.ts';
import { checkBooks } from './check-books.ts';
import { tally } from './check-ledgers.ts';
import { createFindings, type Findings } from './findings.ts';
import { judge } from './judge.ts';
import { type Asked, reportOf, type SoakReport } from './report.ts';
import { type MemorySample, slopeOf } from './slope.ts';
import { SYMBOLS } from './venues.ts';
import { runVirtual, type VirtualOptions, type VirtualRun } from './virtual.ts';

/** What is kept of two days (gaps), of the newest trades (ids) and of the files may still grow by so much an hour. */
const HEAP_MB_AN_HOUR = 1;
const LEAST_HOURS = 4;

export interface SoakOptions extends Omit<VirtualOptions, 'progress'> {
  readonly version: string;
  progress(done: number, total: number, what: string): void;
  nowMs(): number;
}

export async function virtualSoak(options: SoakOptions): Promise<Result<SoakReport>> {
  const startedMs = options.nowMs();
  const run = await runVirtual({
    ...options,
    progress: (sec, what) => options.progress(sec, options.totalSec, what),
  });
  return virtualReport(run, options, options.nowMs() - startedMs);
}

/** The checks, over what a run has left. */
export async function virtualReport(
  run: VirtualRun,
  options: Asked,
  tookMs: number,
): Promise<Result<SoakReport>> {
  const findings = createFindings();
  const { dataDir, journal, endUs, quietTs, healSec } = run;
  const judged = await judge({
    ...{ dataDir, journal, endUs, quietTs, healSec, findings, symbols: SYMBOLS },
    progress: () => undefined,
  });
  if (!judged.ok) return judged;
  const books = await checkBooks(dataDir, run.books, { atUs: endUs, healSec }, findings);
  const slope = checkHeap(run.heap, findings);
  const own = {
    kind: 'virtual' as const,
    heal_sec: healSec,
    step_ms: run.stepMs,
    took_sec: Math.round(tookMs / 100) / 10,
    ...judged.value,
    messages: run.messages,
    restarts: tally(run.restarts.map(({ what, how }) => `${what} ${how}`)),
    books,
    requests: run.requests,
    memory: {
      of: 'heap' as const,
      samples: run.heap,
      slope,
      bound: `at most ${HEAP_MB_AN_HOUR} MB an hour, judged from ${LEAST_HOURS} h on`,
    },
  };
  return ok(reportOf(options, findings, own));
}

/** In a short run everything still fills up. */
export function checkHeap(heap: readonly MemorySample[], findings: Findings): number | null {
  const slope = slopeOf(heap);
  const hours = heap.at(-1)?.hour ?? 0;
  if (slope !== null && hours >= LEAST_HOURS - 0.01 && slope > HEAP_MB_AN_HOUR)
    findings.add(
      'memory',
      'heap',
      `grows by ${slope.toFixed(2)} MB an hour, the bound is ${HEAP_MB_AN_HOUR}`,
    );
  return slope;
}
