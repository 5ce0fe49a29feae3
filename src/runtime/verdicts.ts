/** The facts of symbols, workers and venues, gathered and put to the rules of `health.ts`. */

import type { Redact } from '../core/redact.ts';
import { rawFile } from '../flow/rows.ts';
import type { DiskStatus } from './disk.ts';
import {
  isLate,
  SYMBOL_RULES,
  type SymbolFacts,
  VENUE_RULES,
  type VenueFacts,
  WORKER_RULES,
} from './health.ts';
import type { Judge } from './hysteresis.ts';
import type { Judged } from './level.ts';
import type { FeedStatus, SymbolStatus } from './protocol.ts';
import type { RateStats } from './rate-stats.ts';
import type { VenueState } from './roll-call.ts';
import type { Thread } from './thread.ts';
import type { Silence, WorkerTally } from './worker-tally.ts';

/** One worker: its thread, and what is counted of it here. */
export interface Watched {
  readonly thread: Thread;
  readonly tally: WorkerTally;
}

export interface VerdictInput {
  readonly judge: Judge;
  readonly redact: Redact;
  readonly uptimeSec: number;
  /** While it is full, the rows of every feed wait. */
  readonly disk: Pick<DiskStatus, 'disk_hold'>;
  /** Files that cannot be written now, each with its reason. */
  readonly failingFiles: ReadonlyMap<string, string>;
  /** Whether a count has grown lately: what is over must not hold the level for ever. */
  isRising(key: string, count: number): boolean;
  /** Why a venue's preflight has not passed, by venue. */
  readonly preflight: ReadonlyMap<string, string>;
  readonly rates: RateStats['stats'];
}

export interface SymbolVerdict extends Judged {
  readonly symbol: string;
  readonly status: SymbolStatus;
  readonly ageSec: number | null;
  readonly lateSec: number;
}

export interface WorkerVerdict extends Judged {
  readonly ageSec: number | null;
  readonly lateSec: number;
  readonly lastError: string | null;
  readonly symbols: readonly SymbolVerdict[];
}

export function judgeWorker({ thread, tally }: Watched, input: VerdictInput): WorkerVerdict {
  const { venue, feed } = thread.init;
  const status = thread.status();
  const { judge } = input;
  const rising = (key: string, count: number): number => (input.isRising(key, count) ? count : 0);
  const { ageSec, lateSec, uptimeSec } = inSeconds(tally.silence(), input.uptimeSec);
  // A venue may repeat the URL that it was asked by.
  const said = status?.lastError ?? thread.lastError();
  const lastError = said === null ? null : input.redact(said);

  // A book that was polled and is so no more waits for its stream.
  const left = thread.init.transport === 'ws' && status?.fallback === false ? 'polled' : null;

  const symbols = Object.entries(status?.symbols ?? {}).map(([symbol, one]) => {
    const facts: SymbolFacts = {
      feed,
      ...inSeconds(tally.silence(symbol), input.uptimeSec),
      isUnjoined: one.state === 'joining' || one.state === 'resyncing' || one.state === left,
      dropped: rising(`${thread.id} ${symbol} dropped`, one.dropped),
      writeError: input.failingFiles.get(rawFile(venue, feed, symbol)) ?? null,
      subscriptionError: one.error ?? null,
    };
    return { symbol, status: one, facts };
  });
  const namesOf = (is: (facts: SymbolFacts) => boolean): readonly string[] =>
    symbols.filter(({ facts }) => is(facts)).map(({ symbol }) => symbol);

  const judged = judge.judge(thread.id, WORKER_RULES, {
    thread: thread.state(),
    down: isDown(status),
    uptimeSec,
    ageSec,
    lateSec,
    late: namesOf(isLate),
    unserved: namesOf((facts) => facts.subscriptionError !== null),
    unjoined: namesOf((facts) => facts.isUnjoined),
    dropped: rising(`${thread.id} dropped`, status?.dropped ?? 0),
    writeError: writeError(thread, input.failingFiles) ?? (input.disk.disk_hold ? 'the disk is full' : null),
    fallback: status?.fallback ?? false,
    captureError: captureError(thread.id, status, rising),
    lastError,
  });
  return {
    ...judged,
    ageSec,
    lateSec,
    lastError,
    symbols: symbols.map(({ symbol, status: own, facts }) => ({
      symbol,
      status: own,
      ageSec: facts.ageSec,
      lateSec: facts.lateSec,
      ...judge.judge(`${thread.id} ${symbol}`, SYMBOL_RULES, facts),
    })),
  };
}

export function judgeVenue(id: string, state: VenueState, input: VerdictInput): Judged {
  const rates = input.rates[id];
  const facts: VenueFacts = {
    restError: input.preflight.get(id) ?? null,
    bannedSec: rates?.state === 'banned' ? rates.paused_sec : null,
    pausedSec: rates?.paused_sec ?? 0,
    throttle: rates?.throttle ?? false,
    waiting: rates?.waiting ?? 0,
    notTrading: state.not_trading,
    venue: id,
    clockOffsetMs: state.clock_offset_ms,
    clockUncertaintyMs: state.clock_uncertainty_ms ?? 0,
  };
  return input.judge.judge(id, VENUE_RULES, facts);
}

const isDown = (status: FeedStatus | null): boolean => status === null || status.state === 'waiting';

/** `upSec`: of the collector; what was begun later has its own uptime. */
function inSeconds({ ageMs, lateMs, watchedMs }: Silence, upSec: number) {
  return {
    ageSec: ageMs === null ? null : Math.round(ageMs) / 1000,
    lateSec: Math.round(lateMs) / 1000,
    uptimeSec: Math.min(upSec, watchedMs / 1000),
  };
}

function captureError(
  id: string,
  status: FeedStatus | null,
  rising: (key: string, count: number) => number,
): string | null {
  if (status === null || status.capture === null) return null;
  const { failing, dropped, last_error } = status.capture;
  const lost = rising(`${id} capture`, dropped);
  const reasons = [lost > 0 ? `${lost} lines lost` : null, failing ? last_error : null].filter(Boolean);
  return reasons.length === 0 ? null : reasons.join('; ');
}

function writeError({ init: { feed, venue } }: Thread, failing: ReadonlyMap<string, string>): string | null {
  for (const [file, why] of failing) if (file.startsWith(`raw/${feed}-${venue}-`)) return `${file}: ${why}`;
  return null;
}
