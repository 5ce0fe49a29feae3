/**
 * Finds streams that are acknowledged and bring nothing, which no silence alone proves where a market may be quiet
 * (Binance USD-M on the wrong path): two answers by REST, a minute apart, that differ, and nothing pushed between them.
 */

import type { MarketMessage } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { Located, RestCall, Subscription, Venue } from '../core/venue.ts';
import type { Line } from './line.ts';
import type { FetcherInit, Priority, RestText } from './protocol.ts';

/** A stream is asked about when it has brought nothing for so long, and again after so long; then ever less often. */
const UNHEARD_MS = 60_000;
const CAP_MS = 1_800_000;
/** One request at a time, and no more of them than this. */
const EVERY_MS = 5_000;

export interface DeafnessPort {
  readonly clock: Clock;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  locate(symbol: string): Located | undefined;
  lines(): readonly Line[];
}

export interface Deafness {
  /** Each second. */
  watch(): void;
  stop(): void;
}

interface Asked {
  /** What the newest good answer said; null before the first. */
  readonly told: string | null;
  readonly dueMs: number;
  readonly waitMs: number;
}

export function createDeafness(
  venue: Venue,
  init: Pick<FetcherInit, 'feed' | 'options'>,
  { clock, ask, locate, lines }: DeafnessPort,
): Deafness {
  const asked = new Map<string, Asked>();
  let isBusy = false;
  let nextMs = 0;
  let stopped = false;

  const keyOf = (line: Line, { stream }: Subscription): string => `${line.plan.name} ${stream}`;

  const unheard = (): (readonly [Line, Subscription])[] =>
    lines().flatMap((line) => line.subscriptions.unheard(UNHEARD_MS).map((sub) => [line, sub] as const));

  /** `told`: null when no answer came. */
  const judge = (line: Line, sub: Subscription, told: string | null): void => {
    const key = keyOf(line, sub);
    const { told: before = null, waitMs = UNHEARD_MS / 2 } = asked.get(key) ?? {};
    if (before !== null && told !== null && before !== told) {
      asked.delete(key);
      return line.subscriptions.deaf(sub.stream, UNHEARD_MS, 'brings nothing, and REST shows that it should');
    }
    const nextWaitMs = Math.min(CAP_MS, waitMs * 2);
    asked.set(key, { told: told ?? before, waitMs: nextWaitMs, dueMs: clock.monoMs() + nextWaitMs });
  };

  const probe = async (sub: Subscription): Promise<string | null> => {
    const located = locate(sub.symbol);
    const [call] = located === undefined ? [] : venue.rest.poll(init.feed, located, init.options);
    if (located === undefined || call === undefined) return null;
    const answer = await ask(call, 'backfill');
    if (!answer.ok) return null;
    const read = venue.rest.readPoll(init.feed, answer.value.text, located, answer.value.localUs);
    const newest = read.ok ? read.value.at(-1) : undefined;
    return newest === undefined ? null : toldBy(newest);
  };

  return {
    watch() {
      const nowMs = clock.monoMs();
      const some = unheard();
      const keys = new Set(some.map(([line, sub]) => keyOf(line, sub)));
      // Heard meanwhile, or opened anew: what was told before proves nothing any more.
      for (const key of asked.keys()) if (!keys.has(key)) asked.delete(key);
      const due = some.find(([line, sub]) => nowMs >= (asked.get(keyOf(line, sub))?.dueMs ?? 0));
      if (due === undefined || isBusy || nowMs < nextMs) return;
      isBusy = true;
      nextMs = nowMs + EVERY_MS;
      const [line, sub] = due;
      void probe(sub).then((told) => {
        isBusy = false;
        if (!stopped) judge(line, sub, told);
      });
    },
    stop() {
      stopped = true;
    },
  };
}

/** What any push would have to change. */
function toldBy(message: MarketMessage): string {
  switch (message.type) {
    case 'trade':
      return message.id;
    case 'book':
      // Not its number: a venue may count over all its books.
      return JSON.stringify([message.bids, message.asks]);
    case 'ticker': {
      const { bidPrice, bidAmount, askPrice, askAmount } = message.fields;
      return [bidPrice, bidAmount, askPrice, askAmount].join();
    }
  }
}
