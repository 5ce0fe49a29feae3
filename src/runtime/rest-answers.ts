/** Answers by REST in place of frames: polls, and pages of past trades. */

import type { Feed, MarketMessage, Trade } from '../core/event.ts';
import { ok, type Result } from '../core/result.ts';
import { idsBetween, lowestId } from '../core/trade-order.ts';
import type { Located, Venue } from '../core/venue.ts';
import type { TradeIds } from './trade-ids.ts';
import { type HoleEnds, insideOf, type Page, pageOf } from './trade-page.ts';

export interface RestAnswersPort {
  readonly venue: Pick<Venue, 'rest'>;
  readonly trades: Pick<TradeIds, 'has' | 'isOld' | 'newest'>;
  /** Of the symbol's newest event, µs; 0 before the first. */
  lastLocalUs(symbol: string): number;
  /** Rows, and events that could not become one, so far. */
  counts(): { readonly rows: number; readonly refused: number };
  /** What follows is of this answer. */
  begin(way: 'polled' | 'filled', text: string, localUs: number): void;
  message(message: MarketMessage): void;
  refuse(reason: string): void;
  unjoined(symbol: string): void;
}

export interface RestAnswers {
  /** The answer to a poll (`VenueRest.poll`). Fails when it is refused. */
  polled(feed: Feed, located: Located, text: string, localUs: number): Result<void>;
  /** A page of past trades: those of the hole that are no rows become rows. Fails when it is refused. */
  filled(located: Located, ends: HoleEnds, text: string, localUs: number): Result<Page>;
}

export function createRestAnswers(port: RestAnswersPort): RestAnswers {
  const { venue, trades } = port;

  const read = (way: 'polled' | 'filled', feed: Feed, located: Located, text: string, localUs: number) => {
    port.begin(way, text, localUs);
    const answer = venue.rest.readPoll(feed, text, located, localUs);
    if (!answer.ok) port.refuse(`${answer.error.code}: ${answer.error.message}`);
    return answer;
  };

  /** Whether nothing can lie between the newest trade seen and a page: it has one of those seen, or the next. */
  const isJoined = (newest: string, page: readonly Trade[]): boolean =>
    page.some((trade) => trades.has(trade) || trades.isOld(trade)) ||
    (page[0] !== undefined && idsBetween(newest, lowestId(page[0])) === 0);

  return {
    polled(feed, located, text, localUs) {
      const answer = read('polled', feed, located, text, localUs);
      if (!answer.ok) return answer;
      const page = answer.value.filter((one) => one.type === 'trade');
      const newest = trades.newest(located.symbol);
      if (newest !== null && page.length > 0 && !isJoined(newest, page)) port.unjoined(located.symbol);
      for (const message of answer.value) port.message(message);
      return ok(undefined);
    },
    filled(located, ends, text, localUs) {
      // In order of receipt: what waited for its turn here is behind what came over the stream meanwhile.
      const receiptUs = Math.max(localUs, port.lastLocalUs(located.symbol));
      const answer = read('filled', 'trades', located, text, receiptUs);
      if (!answer.ok) return answer;
      const page = answer.value.filter((one) => one.type === 'trade');
      const inside = insideOf(page, ends);
      const before = port.counts();
      for (const trade of inside) port.message(trade);
      const { rows, refused } = port.counts();
      return ok(pageOf(page, inside, ends, { rows: rows - before.rows, refused: refused - before.refused }));
    },
  };
}
