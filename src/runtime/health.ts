/** OK, WARN or CRIT: the rules, one table for each kind of thing; each gives its reason in words. */

import type { Feed } from '../core/event.ts';
import type { Rule } from './level.ts';
import type { ThreadState } from './thread.ts';

/** What one symbol of a feed is judged by. */
export interface SymbolFacts {
  readonly feed: Feed;
  /** Since it is recorded. */
  readonly uptimeSec: number;
  /** Since its newest event; null: none yet. */
  readonly ageSec: number | null;
  /** The age from which it is late, by its own rate. */
  readonly lateSec: number;
  readonly isUnjoined: boolean;
  /** Events lost, when their number grew lately; else 0. */
  readonly dropped: number;
  /** Why its file cannot be written now. */
  readonly writeError: string | null;
  /** Its subscription that was refused, or brings nothing. */
  readonly subscriptionError: string | null;
}

/** What a worker, a feed of one venue, is judged by. */
export interface WorkerFacts {
  readonly thread: ThreadState;
  /** No connection is open. */
  readonly down: boolean;
  /** Some of it is polled because its WebSocket is down. */
  readonly fallback: boolean;
  readonly uptimeSec: number;
  /** Since the newest event of any of its symbols, and the age from which that is late. */
  readonly ageSec: number | null;
  readonly lateSec: number;
  /** Symbols that are late or never spoke. */
  readonly late: readonly string[];
  /** Symbols with a subscription that was refused, or brings nothing. */
  readonly unserved: readonly string[];
  /** Symbols whose book waits for its snapshot. */
  readonly unjoined: readonly string[];
  readonly dropped: number;
  readonly writeError: string | null;
  /** Why what arrives is not recorded raw as it should be; null while it is, or is not wanted. */
  readonly captureError: string | null;
  readonly lastError: string | null;
}

export interface VenueFacts {
  readonly venue: string;
  /** Why its preflight has not passed; null: it has, or is not over yet. */
  readonly restError: string | null;
  /** What is left of a ban and of a pause, s. */
  readonly bannedSec: number | null;
  readonly pausedSec: number;
  readonly throttle: boolean;
  /** Requests that wait. */
  readonly waiting: number;
  /** Symbols that it lists, and that are not traded there now. */
  readonly notTrading: readonly string[];
  /** Its clock minus ours, give or take the uncertainty; null: not known. */
  readonly clockOffsetMs: number | null;
  readonly clockUncertaintyMs: number;
}

export interface WholeFacts {
  readonly writerError: string | null;
  readonly fsyncLagMs: number;
  readonly stageErrors: number;
  readonly loopLagMs: number;
  readonly rssMb: number;
  readonly maxRssMb: number;
  readonly diskFreeBytes: number | null;
  /** The disk was found full: nothing is written until there is room. */
  readonly diskHold: boolean;
  /** When the disk will be full at the present rate; null: not known, or it does not fill. */
  readonly diskFullInSec: number | null;
  /** By how much the wall clock was set, when that was lately. */
  readonly clockStepSec: number | null;
  /** Why some of the settings file does not hold; null: all of it does. */
  readonly settingsError: string | null;
}

/** Until this uptime no data is expected of a feed; a market that trades seldom has longer. */
const GRACE_SEC = 15;
const FIRST_SEC: Readonly<Record<Feed, number>> = { ticker: GRACE_SEC, orderbook: GRACE_SEC, trades: 600 };
/** A connection that is opened again, and a book that is joined again, mostly are within this time. */
const MEND_SEC = 5;
/** With less room the disk is as good as full. */
export const LEAST_FREE_BYTES = 200e6;
const HOUR_SEC = 3600;
/** Two clocks that are set by NTP differ by ms. */
const CLOCK_MS = 1_000;

/** Late, or silent since the start for longer than it may be. */
export const isLate = ({ feed, uptimeSec, ageSec, lateSec }: SymbolFacts): boolean =>
  ageSec === null ? uptimeSec > FIRST_SEC[feed] : ageSec > lateSec;

const isSilent = ({ uptimeSec, ageSec, lateSec }: WorkerFacts): boolean =>
  ageSec === null ? uptimeSec > GRACE_SEC : ageSec > lateSec;

const silence = (ageSec: number | null): string =>
  ageSec === null ? 'no data at all' : `no data for ${Math.round(ageSec)} s`;

export const SYMBOL_RULES: readonly Rule<SymbolFacts>[] = [
  { id: 'subscription', level: 'CRIT', reason: (f) => f.subscriptionError },
  { id: 'silent', level: 'CRIT', reason: (f) => (isLate(f) ? silence(f.ageSec) : null) },
  {
    id: 'unwritten',
    level: 'CRIT',
    reason: (f) => (f.writeError === null ? null : `rows wait: ${f.writeError}`),
  },
  { id: 'dropping', level: 'CRIT', reason: (f) => (f.dropped > 0 ? `${f.dropped} events dropped` : null) },
  {
    id: 'resyncing',
    level: 'WARN',
    afterSec: MEND_SEC,
    reason: (f) => (f.isUnjoined && f.uptimeSec > GRACE_SEC ? 'book not joined' : null),
  },
];

export const WORKER_RULES: readonly Rule<WorkerFacts>[] = [
  {
    id: 'restarting',
    level: 'CRIT',
    reason: (f) => (f.thread === 'restarting' ? `restarting (${f.lastError ?? 'unknown reason'})` : null),
  },
  {
    id: 'down',
    level: 'CRIT',
    afterSec: MEND_SEC,
    // Nothing has failed yet of a thread that is still loading: on a busy machine a dozen take longer than this rule waits.
    reason: (f) =>
      f.down && (f.lastError !== null || f.uptimeSec > GRACE_SEC)
        ? `no connection (${f.lastError ?? 'not yet opened'})`
        : null,
  },
  { id: 'silent', level: 'CRIT', reason: (f) => (isSilent(f) ? silence(f.ageSec) : null) },
  {
    id: 'unwritten',
    level: 'CRIT',
    reason: (f) => (f.writeError === null ? null : `rows wait: ${f.writeError}`),
  },
  { id: 'dropping', level: 'CRIT', reason: (f) => (f.dropped > 0 ? `${f.dropped} events dropped` : null) },
  {
    id: 'late',
    level: 'WARN',
    reason: (f) => (f.late.length > 0 && !f.down && !isSilent(f) ? `no data of ${list(f.late)}` : null),
  },
  {
    id: 'subscription',
    level: 'WARN',
    reason: (f) => (f.unserved.length > 0 ? `subscriptions in error: ${list(f.unserved)}` : null),
  },
  {
    id: 'resyncing',
    level: 'WARN',
    afterSec: MEND_SEC,
    reason: (f) =>
      f.unjoined.length > 0 && f.uptimeSec > GRACE_SEC ? `books not joined: ${list(f.unjoined)}` : null,
  },
  {
    id: 'capture',
    level: 'WARN',
    reason: (f) => (f.captureError === null ? null : `capture: ${f.captureError}`),
  },
  {
    id: 'fallback',
    level: 'WARN',
    reason: (f) => (f.fallback ? 'polled by REST: no WebSocket' : null),
  },
];

export const VENUE_RULES: readonly Rule<VenueFacts>[] = [
  { id: 'rest', level: 'CRIT', reason: (f) => f.restError },
  {
    id: 'banned',
    level: 'CRIT',
    reason: (f) => (isAbove(f.bannedSec, 0) ? `banned for ${Math.ceil(f.bannedSec)} s` : null),
  },
  {
    id: 'paused',
    level: 'WARN',
    reason: (f) =>
      f.pausedSec > 0 && !isAbove(f.bannedSec, 0)
        ? `limited: no requests for ${Math.ceil(f.pausedSec)} s`
        : null,
  },
  {
    id: 'throttled',
    level: 'WARN',
    afterSec: 10,
    reason: (f) => (f.throttle && f.pausedSec <= 0 ? `throttled: ${f.waiting} requests wait` : null),
  },
  {
    id: 'not_trading',
    level: 'WARN',
    reason: (f) => (f.notTrading.length > 0 ? `listed, not trading now: ${list(f.notTrading)}` : null),
  },
  { id: 'clock', level: 'WARN', reason: clockText },
];

export const WHOLE_RULES: readonly Rule<WholeFacts>[] = [
  {
    id: 'writer',
    level: 'CRIT',
    reason: (f) => (f.writerError === null ? null : `writer: ${f.writerError}`),
  },
  {
    id: 'fsync',
    level: 'WARN',
    reason: (f) => (f.fsyncLagMs > 5_000 ? `disk: ${Math.round(f.fsyncLagMs)} ms behind` : null),
  },
  {
    id: 'disk',
    level: 'CRIT',
    reason: (f) =>
      isBelow(f.diskFreeBytes, LEAST_FREE_BYTES)
        ? `disk: ${Math.floor(f.diskFreeBytes / 1e6)} MB free`
        : null,
  },
  { id: 'disk_full', level: 'CRIT', reason: (f) => (f.diskHold ? 'disk: full, rows wait for room' : null) },
  {
    id: 'disk_soon',
    level: 'CRIT',
    reason: (f) => (isBelow(f.diskFullInSec, 2 * HOUR_SEC) ? fullIn(f.diskFullInSec) : null),
  },
  {
    id: 'disk_later',
    level: 'WARN',
    reason: (f) =>
      isBelow(f.diskFullInSec, 48 * HOUR_SEC) && !isBelow(f.diskFullInSec, 2 * HOUR_SEC)
        ? fullIn(f.diskFullInSec)
        : null,
  },
  {
    id: 'stages',
    level: 'WARN',
    reason: (f) => (f.stageErrors > 0 ? `${f.stageErrors} batches failed in a stage` : null),
  },
  {
    id: 'loop',
    level: 'WARN',
    reason: (f) => (f.loopLagMs > 1_000 ? `main thread held for ${Math.round(f.loopLagMs)} ms` : null),
  },
  {
    id: 'memory',
    level: 'WARN',
    afterSec: 10,
    reason: (f) =>
      f.rssMb > f.maxRssMb ? `memory: ${Math.round(f.rssMb)} MB, of ${f.maxRssMb} at most` : null,
  },
  {
    id: 'clock',
    level: 'WARN',
    reason: (f) => (f.clockStepSec === null ? null : `clock: set by ${f.clockStepSec} s`),
  },
  {
    id: 'settings',
    level: 'WARN',
    reason: (f) => f.settingsError,
  },
];

/** Every venue says so: it is ours that is wrong; one alone: look at that venue too. */
function clockText({ venue, clockOffsetMs, clockUncertaintyMs }: VenueFacts): string | null {
  if (clockOffsetMs === null || Math.abs(clockOffsetMs) - clockUncertaintyMs <= CLOCK_MS) return null;
  const sec = Math.round(Math.abs(clockOffsetMs) / 100) / 10;
  return `our clock is ${sec} s ${clockOffsetMs > 0 ? 'behind' : 'ahead of'} ${venue}'s: check NTP`;
}

function isAbove(value: number | null, bound: number): value is number {
  return value !== null && value > bound;
}

function isBelow(value: number | null, bound: number): value is number {
  return value !== null && value < bound;
}

const fullIn = (sec: number): string =>
  sec < 2 * HOUR_SEC
    ? `disk: full in ${Math.floor(sec / 60)} min`
    : `disk: full in ${Math.floor(sec / HOUR_SEC)} h`;

function list(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
