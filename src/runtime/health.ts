/** OK, WARN or CRIT, from rules in one table; each gives its reason in words. */

import type { Feed } from '../core/event.ts';
import type { ThreadState } from './thread.ts';

export type Level = 'OK' | 'WARN' | 'CRIT';

export interface Judged {
  readonly level: Level;
  readonly reasons: readonly string[];
}

/** What a worker is judged by. */
export interface WorkerFacts {
  readonly id: string;
  readonly feed: Feed;
  readonly thread: ThreadState;
  /** No connection is open. */
  readonly down: boolean;
  /** Seconds since the worker's start, and since its newest event (null: none yet). */
  readonly ageSec: number;
  readonly lastEventAgeSec: number | null;
  readonly unsynced: readonly string[];
  readonly dropped: number;
  /** A file of this worker that cannot be written now, with the reason. */
  readonly writeError: string | null;
  /** Why what arrives is not recorded raw as it should be; null while it is, or is not wanted. */
  readonly captureError: string | null;
  readonly lastError: string | null;
}

export interface WholeFacts {
  readonly writerError: string | null;
  readonly fsyncLagMs: number;
  readonly stageErrors: number;
  readonly loopLagMs: number;
  /** Venues whose preflight has not passed, with the reason. */
  readonly preflight: readonly string[];
}

interface Rule<F> {
  readonly level: Level;
  /** The reason when the rule holds, else null. */
  readonly reason: (facts: F) => string | null;
}

/** Until this age no connection, and until the other no data, is expected of a worker. */
const CONNECT_SEC = 5;
const GRACE_SEC = 15;
/** Without any event for this long a feed is late; a quiet market trades seldom. */
const LATE_SEC: Readonly<Record<Feed, number>> = { ticker: 60, orderbook: 60, trades: 600 };

const WORKER_RULES: readonly Rule<WorkerFacts>[] = [
  {
    level: 'CRIT',
    reason: (f) => (f.thread === 'restarting' ? `restarting (${f.lastError ?? 'unknown reason'})` : null),
  },
  {
    level: 'CRIT',
    reason: (f) =>
      f.down && f.ageSec > CONNECT_SEC ? `no connection (${f.lastError ?? 'not yet opened'})` : null,
  },
  {
    level: 'CRIT',
    reason: (f) => (f.lastEventAgeSec === null && f.ageSec > GRACE_SEC ? 'no data at all' : null),
  },
  {
    level: 'CRIT',
    reason: (f) =>
      f.lastEventAgeSec !== null && f.lastEventAgeSec > LATE_SEC[f.feed]
        ? `no data for ${Math.round(f.lastEventAgeSec)} s`
        : null,
  },
  {
    level: 'CRIT',
    reason: (f) => (f.writeError === null ? null : `rows wait: ${f.writeError}`),
  },
  { level: 'CRIT', reason: (f) => (f.dropped > 0 ? `${f.dropped} events dropped` : null) },
  {
    level: 'WARN',
    reason: (f) =>
      f.unsynced.length > 0 && f.ageSec > GRACE_SEC ? `books not joined: ${list(f.unsynced)}` : null,
  },
  { level: 'WARN', reason: (f) => (f.captureError === null ? null : `capture: ${f.captureError}`) },
];

const WHOLE_RULES: readonly Rule<WholeFacts>[] = [
  { level: 'CRIT', reason: (f) => (f.writerError === null ? null : `writer: ${f.writerError}`) },
  {
    level: 'WARN',
    reason: (f) => (f.fsyncLagMs > 5_000 ? `disk: ${Math.round(f.fsyncLagMs)} ms behind` : null),
  },
  { level: 'WARN', reason: (f) => (f.stageErrors > 0 ? `${f.stageErrors} batches failed in a stage` : null) },
  {
    level: 'WARN',
    reason: (f) => (f.loopLagMs > 1_000 ? `main thread held for ${Math.round(f.loopLagMs)} ms` : null),
  },
  { level: 'CRIT', reason: (f) => (f.preflight.length > 0 ? f.preflight.join('; ') : null) },
];

function list(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

const ORDER: readonly Level[] = ['OK', 'WARN', 'CRIT'];

export function worst(levels: readonly Level[]): Level {
  return levels.reduce<Level>((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'OK');
}

function judge<F>(rules: readonly Rule<F>[], facts: F): Judged {
  const held = rules.flatMap((rule) => {
    const reason = rule.reason(facts);
    return reason === null ? [] : [{ level: rule.level, reason }];
  });
  return { level: worst(held.map((one) => one.level)), reasons: held.map((one) => one.reason) };
}

export const judgeWorker = (facts: WorkerFacts): Judged => judge(WORKER_RULES, facts);
export const judgeWhole = (facts: WholeFacts): Judged => judge(WHOLE_RULES, facts);
