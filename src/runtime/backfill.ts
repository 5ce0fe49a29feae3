/**
 * Fetches the trades that are missing between two rows, page by page, at the lowest priority. One request of a feed is
 * under way at a time; one that fails is asked again later, for hours: a venue keeps its past longer than an outage.
 */

import { backoffMs } from '../core/backoff.ts';
import type { GapEnd, GapSide } from '../core/gap.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import type { Failure, Result } from '../core/result.ts';
import { compareIds, idsBetween, type TradeIdRule } from '../core/trade-order.ts';
import type { FeedOptions, Located, RestCall, TradeHistory, Venue } from '../core/venue.ts';
import type { Hole } from './gaps.ts';
import type { Priority, RestText } from './protocol.ts';
import type { HoleEnds, Page } from './trade-page.ts';

const BACKOFF = { baseMs: 5_000, capMs: 300_000 };
/** From the first failure of those that follow one another. */
const GIVE_UP_MS = 6 * 3_600_000;
/** Failures of ours, which no time mends. */
const FINAL = new Set(['refused', 'unknown_endpoint', 'aborted']);
/** REST can be behind the stream by seconds: so long is waited before the first page, */
const FIRST_MS = 3_000;
/** less where only the newest page can be had, which goes on. */
const NEWEST_MS = 500;
/** and so long before each further look for what a page did not have yet. */
const LOOKS_MS = [5_000, 20_000, 60_000];
/** The queue is full: what is fetched could not be kept. */
const FULL_MS = 5_000;

export interface BackfillPort {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: FeedOptions;
  locate(symbol: string): Located | undefined;
  tradeIds(symbol: string): TradeIdRule;
  /** Events of it are being lost: the queue is full. */
  isLosing(symbol: string): boolean;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  /** A first request is made for it. */
  asked(hole: Hole): void;
  /** Puts the trades of a page that are missing into the file. Fails when the answer is none. */
  apply(located: Located, ends: HoleEnds, answer: RestText): Result<Page>;
  /** `newest`: of the trades that were had. */
  done(hole: Hole, end: GapEnd, newest: GapSide | null): void;
}

export interface Backfill {
  fill(hole: Hole): void;
  withdraw(hole: Hole): void;
  /** What is missing of this symbol is not wanted any more. */
  forget(symbol: string): void;
  stop(): void;
}

interface Job {
  readonly hole: Hole;
  readonly located: Located;
  /** Null: only the newest page can be had. */
  readonly history: TradeHistory | null;
  /** What is asked for lies behind this id: all before it was had. */
  after: string;
  /** The newest page was asked for, before the first row behind was known: what lies between is not there perhaps. */
  isTopOpen: boolean;
  /** Since that is asked for: whether all below was had. */
  below: boolean | null;
  dueMs: number;
  tries: number;
  /** Since when nothing but failures came. */
  failingMs: number | null;
  /** Looks for what was not there yet. */
  looks: number;
  /** Where the next page begins: the id of the newest (going up) or oldest (going down) trade of those before. */
  at: string | null;
  /** Ids of the hole that are there. */
  inside: number;
  rows: number;
  /** The oldest and the newest trade that were had. */
  oldest: GapSide | null;
  newest: GapSide | null;
}

export function createBackfill(venue: Venue, port: BackfillPort): Backfill {
  const { clock } = port;
  let jobs: Job[] = [];
  let busy = false;
  let stopped = false;
  let timer: Cancel | null = null;

  const next = (): void => {
    if (busy || stopped) return;
    timer?.();
    timer = null;
    let first: Job | undefined;
    for (const job of jobs) if (first === undefined || job.dueMs < first.dueMs) first = job;
    if (first === undefined) return;
    const waitMs = first.dueMs - clock.monoMs();
    if (waitMs > 0) {
      timer = clock.after(waitMs, next);
      return;
    }
    busy = true;
    void step(first).then(() => {
      busy = false;
      next();
    });
  };

  const later = (job: Job, ms: number): void => {
    job.dueMs = clock.monoMs() + ms;
  };

  const step = async (job: Job): Promise<void> => {
    const { hole, located } = job;
    if (port.isLosing(located.symbol)) return later(job, FULL_MS);
    if (!hole.isAsked) job.after = hole.after;
    port.asked(hole);
    job.isTopOpen ||= job.at === null && hole.behind === null;
    const call = callOf(job, endsOf(job));
    if (call === undefined) return finish(job, endsOf(job), false, 'the venue gives no past trades');
    const answer = await port.ask(call, 'backfill');
    if (stopped || !jobs.includes(job)) return;
    // The first row behind may have come meanwhile.
    const ends = endsOf(job);
    if (!answer.ok) return failed(job, ends, answer.error);
    const page = port.apply(located, ends, answer.value);
    // An answer that cannot be read may be a whole one the next time.
    if (!page.ok) return failed(job, ends, { ...page.error, retry: 'later' });
    job.tries = 0;
    job.failingMs = null;
    job.rows += page.value.rows;
    if (page.value.refused > 0) return later(job, FULL_MS);
    take(job, ends, page.value);
  };

  const endsOf = ({ hole, after }: Job): HoleEnds => ({ after, before: hole.behind?.id ?? null });

  const historyOf = (located: Located): TradeHistory | null => {
    const { history } = venue.rest;
    return history?.isClosed?.(located, port.options) ? null : history;
  };

  const callOf = ({ located, history, at }: Job, ends: HoleEnds): RestCall | undefined => {
    if (history === null) return venue.rest.poll('trades', located, port.options)[0];
    if (history.pages === 'up') return history.call(located, port.options, at ?? ends.after);
    return history.call(located, port.options, at ?? ends.before);
  };

  const failed = (job: Job, ends: HoleEnds, { code, message }: Failure): void => {
    job.failingMs ??= clock.monoMs();
    const isOver = FINAL.has(code) || clock.monoMs() - job.failingMs > GIVE_UP_MS;
    if (isOver) return finish(job, ends, false, `given up: ${code} ${message}`.slice(0, 200));
    later(job, backoffMs(job.tries, BACKOFF, port.random));
    job.tries += 1;
  };

  /** What is not there yet is looked for again, a few times. */
  const lacks = (job: Job, ends: HoleEnds, how: string): void => {
    const waitMs = LOOKS_MS[job.looks];
    if (waitMs === undefined) return finish(job, ends, false, how);
    job.looks += 1;
    later(job, waitMs);
  };

  const take = (job: Job, ends: HoleEnds, page: Page): void => {
    const { history } = job;
    if (page.inside > 0 && isLower(page.oldest?.id, job.oldest?.id)) job.oldest = page.oldest;
    if (page.newest !== null && isLower(job.newest?.id, page.newest.id)) job.newest = page.newest;
    if (history === null) {
      job.inside = page.inside;
      const { ts: oldestTs = 0 } = page.oldest ?? {};
      const hasPassed = oldestTs > (job.hole.behind?.side.ts ?? Number.POSITIVE_INFINITY);
      if (!page.meets && !hasPassed) {
        if (page.reaches) {
          job.after = page.newest?.id ?? job.after;
          job.oldest = null;
        }
        return lacks(job, ends, 'the newest page of trades was not there yet');
      }
      return finish(job, ends, page.reaches, 'the newest page of trades');
    }
    job.inside += page.inside;
    if (history.pages === 'down') {
      if (page.reaches) return finish(job, ends, true, 'back-filled by id');
      const oldest = page.oldest?.id;
      if (oldest === undefined || oldest === job.at)
        return lacks(job, ends, 'the venue gives no older trades');
      job.at = oldest;
      return;
    }
    const newest = page.newest?.id;
    const isBehind =
      ends.before !== null && newest !== undefined && (idsBetween(newest, ends.before) ?? 0) <= 0;
    if (isBehind) return finish(job, ends, true, 'back-filled by id');
    if (newest !== undefined) job.at = newest;
    if (page.size >= history.size) return;
    if (ends.before === null) return finish(job, ends, true, 'back-filled by id');
    lacks(job, ends, 'the venue gives no later trades');
  };

  /** Between the newest page and the first row behind, which came later: it was not there yet perhaps. */
  const isTopMissing = ({ isTopOpen, history, hole: { after, behind }, newest }: Job): boolean =>
    isTopOpen &&
    history?.pages === 'down' &&
    behind !== null &&
    (idsBetween(newest?.id ?? after, behind.id) ?? 0) > 0;

  const toTop = (job: Job, isWhole: boolean): void => {
    job.below = isWhole;
    job.after = job.newest?.id ?? job.after;
    job.at = null;
    job.looks = 0;
    later(job, FIRST_MS);
  };

  const finish = (job: Job, ends: HoleEnds, isWhole: boolean, how: string): void => {
    if (job.below === null && isTopMissing(job)) return toTop(job, isWhole);
    jobs = jobs.filter((one) => one !== job);
    const { hole, located, inside, rows } = job;
    const rule = port.tradeIds(located.symbol);
    const isCounted = rule === 'count' || rule === 'fills';
    const between = isCounted ? idsOf(job, ends) : null;
    const isAll = isWhole && job.below !== false;
    const missing = between === null ? (isAll ? 0 : null) : Math.max(0, between - inside);
    const isFull = missing === 0;
    const end: GapEnd = {
      to: sideBehind(job, isAll),
      repaired: isFull ? 'full' : rows > 0 ? 'partial' : 'none',
      how: inside === 0 && rows === 0 && isFull ? 'asked by REST: nothing is missing' : how,
      missing,
      backfilled: rows,
    };
    port.done(hole, end, job.newest);
  };

  /** Ids of the hole: up to the row behind it or, where there is none, the newest trade that was had. */
  const idsOf = ({ hole: { after }, newest }: Job, { before }: HoleEnds): number | null => {
    if (before !== null) return idsBetween(after, before);
    const between = newest?.id === undefined ? null : idsBetween(after, newest.id);
    return between === null ? null : between + 1;
  };

  /** As narrow as is known: what could not be had ends where that begins which was had. */
  const sideBehind = (job: Job, isWhole: boolean): GapSide => {
    const { hole, history, newest, oldest } = job;
    const behind = hole.behind?.side ?? newest ?? hole.gap.from;
    if (isWhole || history?.pages === 'up' || oldest === null || isTopMissing(job)) return behind;
    return { ...oldest, ...(behind.local_ts !== undefined && { local_ts: behind.local_ts }) };
  };

  /** Ids that an earlier run fetched. */
  const hadBefore = ({ at, after, behind }: Hole, history: TradeHistory | null): number => {
    if (at === null || history === null) return 0;
    const had = history.pages === 'up' ? idsBetween(after, at) : idsBetween(at, behind?.id ?? '');
    return had === null ? 0 : had + 1;
  };

  return {
    fill(hole) {
      const located = port.locate(hole.gap.symbol);
      if (stopped || located === undefined) return;
      const history = historyOf(located);
      jobs.push({
        ...{ hole, located, history, after: hole.after, isTopOpen: false, below: null },
        ...{ tries: 0, failingMs: null, looks: 0 },
        dueMs: clock.monoMs() + (history === null ? NEWEST_MS : FIRST_MS),
        ...{ at: hole.at, inside: hadBefore(hole, history), rows: 0, oldest: null, newest: null },
      });
      next();
    },
    withdraw(hole) {
      jobs = jobs.filter((job) => job.hole !== hole);
    },
    forget(symbol) {
      jobs = jobs.filter(({ located }) => located.symbol !== symbol);
    },
    stop() {
      stopped = true;
      timer?.();
    },
  };
}

const isLower = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined ? b !== undefined : b === undefined || (compareIds(a, b) ?? 0) < 0;
