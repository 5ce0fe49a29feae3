/**
 * Asks for the symbols of a feed in turn, by REST through the venue's governor. One request of a symbol is under way at
 * a time; a poll that comes late is not made up for. All of it waits its turn in the main thread, so that the venue's
 * budget is kept whatever the interval.
 */

import type { Cancel, Clock, Random } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { pollEveryMs } from '../core/stretch.ts';
import type { FeedOptions, Located, RestCall, Venue } from '../core/venue.ts';
import type { FetcherInit, PollOptions, Priority, RestText } from './protocol.ts';

export interface PollerPort {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: FeedOptions;
  readonly poll: PollOptions;
  /** How far polling is stretched now; 1 when it is not. */
  stretch(): number;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  /** Applies an answer; fails when it is not one. */
  answered(located: Located, answer: RestText): Result<unknown>;
  /** A poll brought nothing. Told once for each reason, until one of the symbol brings something again. */
  failed(symbol: string, code: string, message: string): void;
  /** It is polled no more. */
  ended(symbol: string): void;
}

export interface Poller {
  /** Polls these too, spread over one interval. */
  start(located: readonly Located[]): void;
  /** Polls the symbol once more, then no more. */
  end(symbol: string): void;
  /** Polls the symbol no more; an answer that is under way is not applied. */
  drop(symbol: string): void;
  stop(): void;
  /** Symbols whose polls bring nothing for far longer than their interval. */
  late(): readonly string[];
  /** Symbols that are polled, and those of them whose newest poll brought something. */
  counts(): { readonly polled: number; readonly good: number };
}

/** So much, and so many intervals, without an answer are a gap: a ban, or a venue that does not answer. */
const LATE_MS = 60_000;
const LATE_POLLS = 3;

interface Polled {
  readonly located: Located;
  /** Polls that are still to begin. */
  left: number;
  /** When it began, or its newest poll brought something. */
  goodMs: number;
  busy: boolean;
  /** Of the newest poll; null before its end. */
  failed: string | false | null;
  timer: Cancel | null;
}

export function createPoller(venue: Venue, feed: FetcherInit['feed'], port: PollerPort): Poller {
  const { clock } = port;
  const all = new Map<string, Polled>();
  let stopped = false;

  const everyMs = (): number => pollEveryMs(port.poll.intervalMs, port.stretch(), port.poll, port.random);

  const wait = (one: Polled, ms: number): void => {
    one.timer?.();
    one.timer = clock.after(Math.max(0, ms), () => void poll(one));
  };

  const poll = async (one: Polled): Promise<void> => {
    const { located } = one;
    const dueMs = clock.monoMs() + everyMs();
    one.timer = null;
    one.busy = true;
    one.left -= 1;
    for (const call of venue.rest.poll(feed, located, port.options)) {
      const answer = await port.ask(call, 'poll');
      if (stopped || all.get(located.symbol) !== one) return;
      const applied = answer.ok ? port.answered(located, answer.value) : answer;
      tell(one, applied);
      if (!applied.ok) break;
    }
    one.busy = false;
    if (one.left > 0) wait(one, one.left === 1 ? 0 : dueMs - clock.monoMs());
    else end(located.symbol);
  };

  const end = (symbol: string): void => {
    all.delete(symbol);
    port.ended(symbol);
  };

  const tell = (one: Polled, result: Result<unknown>): void => {
    const before = one.failed;
    one.failed = !result.ok && result.error.code;
    if (result.ok) one.goodMs = clock.monoMs();
    if (!result.ok && one.failed !== before)
      port.failed(one.located.symbol, result.error.code, result.error.message);
  };

  return {
    start(located) {
      const spreadMs = port.poll.intervalMs / Math.max(1, located.length);
      for (const [at, one] of located.entries()) {
        const known = all.get(one.symbol);
        if (known !== undefined) {
          known.left = Number.POSITIVE_INFINITY;
          continue;
        }
        const left = Number.POSITIVE_INFINITY;
        const made: Polled = {
          located: one,
          left,
          goodMs: clock.monoMs(),
          busy: false,
          failed: null,
          timer: null,
        };
        all.set(one.symbol, made);
        wait(made, at * spreadMs);
      }
    },
    end(symbol) {
      const one = all.get(symbol);
      if (one === undefined) return;
      one.left = 1;
      if (!one.busy) wait(one, 0);
    },
    drop(symbol) {
      all.get(symbol)?.timer?.();
      end(symbol);
    },
    stop() {
      stopped = true;
      for (const one of all.values()) one.timer?.();
    },
    late() {
      const lateMs = LATE_MS + LATE_POLLS * port.poll.intervalMs * port.stretch();
      return [...all.values()]
        .filter(({ goodMs }) => clock.monoMs() - goodMs > lateMs)
        .map(({ located }) => located.symbol);
    },
    counts: () => ({
      polled: all.size,
      good: [...all.values()].filter(({ failed }) => failed === false).length,
    }),
  };
}
