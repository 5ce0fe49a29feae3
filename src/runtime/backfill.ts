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
const GIVE_UP_MS = 6 * 3_600_000;

export interface BackfillPort {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: FeedOptions;
  locate(symbol: string): Located | undefined;
  tradeIds(symbol: string): TradeIdRule;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  /** Puts the trades of a page that are missing into the file. Fails when the answer is none. */
  apply(located: Located, ends: HoleEnds, answer: RestText): Result<Page>;
  done(hole: Hole, end: GapEnd): void;
}

export interface Backfill {
  fill(hole: Hole): void;
  /** What is missing of this symbol is not wanted any more. */
  forget(symbol: string): void;
  waiting(): number;
  stop(): void;
}

interface Job {
  readonly hole: Hole;
  readonly located: Located;
  /** Null: only the newest page can be had. */
  readonly history: TradeHistory | null;
  readonly sinceMs: number;
  dueMs: number;
  tries: number;
  /** Where the next page begins: the id of the newest (going up) or oldest (going down) trade of those before. */
  at: string | null;
  inside: number;
  rows: number;
  /** The oldest trade that was had. */
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
    timer?.();
    timer = null;
    const [job] = [...jobs].sort((a, b) => a.dueMs - b.dueMs);
    if (busy || stopped || job === undefined) return;
    const waitMs = job.dueMs - clock.monoMs();
    if (waitMs > 0) {
      timer = clock.after(waitMs, next);
      return;
    }
    busy = true;
    void step(job).then(() => {
      busy = false;
      next();
    });
  };

  const step = async (job: Job): Promise<void> => {
    const { hole, located } = job;
    const ends: HoleEnds = { after: hole.after, before: hole.behind?.id ?? null };
    const call = callOf(job, ends);
    if (call === undefined) return finish(job, ends, false, 'the venue gives no past trades');
    const answer = await port.ask(call, 'backfill');
    if (stopped || !jobs.includes(job)) return;
    if (!answer.ok) return failed(job, ends, answer.error);
    const page = port.apply(located, ends, answer.value);
    // An answer that cannot be read may be a whole one the next time.
    if (!page.ok) return failed(job, ends, { ...page.error, retry: 'later' });
    job.tries = 0;
    take(job, ends, page.value);
  };

  const historyOf = (located: Located): TradeHistory | null => {
    const { history } = venue.rest;
    return history?.isClosed?.(located, port.options) ? null : history;
  };

  const callOf = ({ located, history, at }: Job, ends: HoleEnds): RestCall | undefined => {
    if (history === null) return venue.rest.poll('trades', located, port.options)[0];
    if (history.pages === 'up') return history.call(located, port.options, at ?? ends.after);
    return history.call(located, port.options, at ?? ends.before);
  };

  const failed = (job: Job, ends: HoleEnds, error: Failure): void => {
    const isOver = error.retry === 'never' || clock.monoMs() - job.sinceMs > GIVE_UP_MS;
    if (isOver) return finish(job, ends, false, `given up: ${error.code} ${error.message}`.slice(0, 200));
    job.dueMs = clock.monoMs() + backoffMs(job.tries, BACKOFF, port.random);
    job.tries += 1;
  };

  const take = (job: Job, ends: HoleEnds, page: Page): void => {
    const { history } = job;
    job.inside += page.inside;
    job.rows += page.rows;
    if (page.inside > 0 && isLower(page.oldest?.id, job.oldest?.id)) job.oldest = page.oldest;
    if (page.newest !== null && isLower(job.newest?.id, page.newest.id)) job.newest = page.newest;
    if (history === null) return finish(job, ends, page.reaches, 'the newest page of trades');
    if (history.pages === 'down') {
      if (page.reaches) return finish(job, ends, true, 'back-filled by id');
      const isStuck = page.oldest?.id === undefined || page.oldest.id === job.at;
      if (isStuck) return finish(job, ends, false, 'the venue gives no older trades');
      job.at = page.oldest?.id ?? null;
      return;
    }
    const newest = page.newest?.id;
    const isBehind =
      ends.before !== null && newest !== undefined && (idsBetween(newest, ends.before) ?? 0) <= 0;
    const isShort = page.size < history.size;
    // Asked before the first row behind it came: what lies between may not have been there yet.
    const isEarly = ends.before === null && job.hole.behind !== null;
    if (isBehind || (isShort && !isEarly)) return finish(job, ends, true, 'back-filled by id');
    if (newest === undefined || newest === job.at) {
      if (isEarly) return;
      return finish(job, ends, false, 'the venue gives no later trades');
    }
    job.at = newest;
  };

  const finish = (job: Job, ends: HoleEnds, isWhole: boolean, how: string): void => {
    jobs = jobs.filter((one) => one !== job);
    const { hole, located, inside, rows } = job;
    const rule = port.tradeIds(located.symbol);
    const isCounted = rule === 'count' || rule === 'fills';
    const between = isCounted && ends.before !== null ? idsBetween(ends.after, ends.before) : null;
    const missing = between === null ? (isWhole ? 0 : null) : Math.max(0, between - inside);
    const isFull = missing === 0;
    port.done(hole, {
      to: sideBehind(job, isWhole),
      repaired: isFull ? 'full' : rows > 0 ? 'partial' : 'none',
      how: inside === 0 && isFull ? 'asked by REST: nothing is missing' : how,
      missing,
      backfilled: rows,
    });
  };

  /** As narrow as is known: what could not be had ends where that begins which was had. */
  const sideBehind = ({ hole, history, newest, oldest }: Job, isWhole: boolean): GapSide => {
    const behind = hole.behind?.side ?? newest ?? hole.gap.from;
    if (isWhole || history?.pages === 'up' || oldest === null) return behind;
    return { ...oldest, ...(behind.local_ts !== undefined && { local_ts: behind.local_ts }) };
  };

  return {
    fill(hole) {
      const located = port.locate(hole.gap.symbol);
      if (stopped || located === undefined) return;
      const nowMs = clock.monoMs();
      jobs.push({
        ...{ hole, located, history: historyOf(located), sinceMs: nowMs, dueMs: nowMs, tries: 0 },
        ...{ at: null, inside: 0, rows: 0, oldest: null, newest: null },
      });
      next();
    },
    forget(symbol) {
      jobs = jobs.filter(({ located }) => located.symbol !== symbol);
    },
    waiting: () => jobs.length,
    stop() {
      stopped = true;
      timer?.();
    },
  };
}

const isLower = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined ? b !== undefined : b === undefined || (compareIds(a, b) ?? 0) < 0;
