/** Answers by REST in place of frames: polls, and pages of past trades. */

import type { Feed, MarketMessage, Trade } from '../core/event.ts';
import { ok, type Result } from '../core/result.ts';
import { idsBetween, lowestId } from '../core/trade-order.ts';
import type { Located, Venue } from '../core/venue.ts';
import type { TradeIds } from './trade-ids.ts';
import { type HoleEnds, insideOf, type Page, pageOf } from './trade-page.ts';

export interface RestAnswersPort {
  readonly venue: Pick<Venue, 'rest'>;
  readonly trades: Pick<TradeIds, 'has' | 'isOld' | 'newest' | 'paged'>;
  /** Of the symbol's newest event, µs; 0 before the first. */
  lastLocalUs(symbol: string): number;
  /** Rows, and events that could not become one, so far. */
  counts(): { readonly rows: number; readonly refused: number };
  /** What follows is of this answer. */
  begin(way: 'polled' | 'filled', text: string, localUs: number): void;
  message(message: MarketMessage): void;
  refuse(reason: string): void;
  /** Between these two some are missing; `before` is null where it is the newest trade of all. */
  unjoined(symbol: string, before: Trade | null, behind: Trade): void;
}

export interface RestAnswers {
  /** The answer to a poll (`VenueRest.poll`). Fails when it is refused. */
  polled(feed: Feed, located: Located, text: string, localUs: number): Result<void>;
  /** The symbol is polled no more: its next poll follows nothing. */
  pollsEnded(symbol: string): void;
  /** A page of past trades: those of the hole that are no rows become rows. Fails when it is refused. */
  filled(located: Located, ends: HoleEnds, text: string, localUs: number): Result<Page>;
}

export function createRestAnswers(port: RestAnswersPort): RestAnswers {
  const { venue, trades } = port;
  /** The newest page of each symbol that is polled: what a stream brings beside it says nothing of what came between. */
  const pages = new Map<string, { readonly newest: Trade; readonly ids: ReadonlySet<string> }>();

  const read = (way: 'polled' | 'filled', feed: Feed, located: Located, text: string, localUs: number) => {
    port.begin(way, text, localUs);
    const answer = venue.rest.readPoll(feed, text, located, localUs);
    if (!answer.ok) port.refuse(`${answer.error.code}: ${answer.error.message}`);
    else if (feed === 'trades') trades.paged(located.symbol, answer.value.length);
    return answer;
  };

  /** Whether nothing can lie between the trades before and a page: it has one of those, or the next. */
  const isJoined = (newest: string, page: readonly Trade[], isBefore: (trade: Trade) => boolean): boolean =>
    page.some(isBefore) || (page[0] !== undefined && idsBetween(newest, lowestId(page[0])) === 0);

  const isSeen = (trade: Trade): boolean => trades.has(trade) || trades.isOld(trade);

  const follow = (symbol: string, page: readonly Trade[]): void => {
    const [behind, last] = [page[0], page.at(-1)];
    if (behind === undefined || last === undefined) return;
    const before = pages.get(symbol);
    pages.set(symbol, { newest: last, ids: new Set(page.map(({ id }) => id)) });
    const newest = before?.newest.id ?? trades.newest(symbol);
    if (newest === null) return;
    const isBefore = before === undefined ? isSeen : ({ id }: Trade) => before.ids.has(id);
    if (!isJoined(newest, page, isBefore)) port.unjoined(symbol, before?.newest ?? null, behind);
  };

  return {
    polled(feed, located, text, localUs) {
      const answer = read('polled', feed, located, text, localUs);
      if (!answer.ok) return answer;
      follow(
        located.symbol,
        answer.value.filter((one) => one.type === 'trade'),
      );
      for (const message of answer.value) port.message(message);
      return ok(undefined);
    },
    pollsEnded: (symbol) => void pages.delete(symbol),
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
