/**
 * Frames in, events out: schema, mapper, book join, ticker carry, trade dedupe. Live and replay share it, so a
 * recording put through it again gives the same rows. It opens nothing and knows no time but that of the frames.
 */

import { bestOf } from '../core/book.ts';
import { type BookState, type BookSync, createBookSync } from '../core/book-sync.ts';
import type { DriftVerdict } from '../core/drift.ts';
import {
  type BookMessage,
  type Feed,
  feedOf,
  type Market,
  type MarketEvent,
  type MarketMessage,
  type Ticker,
  type TickerFields,
  type TickerMessage,
  type Trade,
} from '../core/event.ts';
import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';
import type { FeedOptions, Mapper, Venue } from '../core/venue.ts';
import type { Top } from '../flow/rows.ts';
import { type Counters, createCounters } from './counters.ts';

/** Further ahead of our clock than this is absurd, and refused; less is kept, and counted beyond `AHEAD_US`. */
const ABSURD_US = 24 * 3600 * 1_000_000;
const AHEAD_US = 1_000_000;

export interface IntakePort {
  /** Undefined for an instrument that is not to be recorded. */
  symbolOf(id: string, market: Market): string | undefined;
  emit(event: MarketEvent, top: Top | null): void;
  /** A book needs a snapshot, by the venue's way. */
  needSnapshot(symbol: string, reason: string): void;
  lost(symbol: string, reason: string): void;
  drift(verdict: DriftVerdict): void;
  /** A frame was refused; `text` is all of it. */
  reject(reason: string, text: string, localUs: number): void;
  /** The venue said something about the connection. */
  said(connection: string, what: 'ack' | 'refused' | 'notice', text: string): void;
}

export interface SymbolState {
  readonly lastLocalUs: number;
  readonly events: number;
  readonly book: BookState | null;
  readonly resyncs: number;
}

export interface Intake {
  /** A connection is open: its mapper begins with nothing. */
  open(connection: string, url: string): void;
  frame(connection: string, text: string, localUs: number): void;
  /** The connection ended; the books that it fed are joined anew. */
  close(connection: string): void;
  snapshot(message: BookMessage): void;
  resync(symbol: string, reason: string): void;
  books(): ReadonlyMap<string, BookSync>;
  symbols(): ReadonlyMap<string, SymbolState>;
  counters: Counters;
}

interface MutableState {
  lastLocalUs: number;
  events: number;
  resyncs: number;
}

const EMPTY: TickerFields = {
  askAmount: '',
  askPrice: '',
  bidPrice: '',
  bidAmount: '',
  lastPrice: '',
  baseVolume: '',
  quoteVolume: '',
};

export function createIntake(
  venue: Venue,
  feeds: ReadonlySet<Feed>,
  options: FeedOptions,
  port: IntakePort,
): Intake {
  const counters = createCounters();
  const mappers = new Map<string, { readonly map: Mapper<unknown>; readonly market: Market | null }>();
  const books = new Map<string, BookSync>();
  const tickers = new Map<string, TickerFields>();
  const ids = new Map<string, RecentIds>();
  const states = new Map<string, MutableState>();
  /** The symbols whose ticker fields came over each connection. */
  const carried = new Map<string, Set<string>>();
  /** The connection that feeds each book. */
  const fedBy = new Map<string, string>();
  /** The frame at work, for what the mapper says of it. */
  let current = { connection: '', text: '', localUs: 0, told: false, refused: false };

  const stateOf = (symbol: string): MutableState => {
    let state = states.get(symbol);
    if (state === undefined) {
      state = { lastLocalUs: 0, events: 0, resyncs: 0 };
      states.set(symbol, state);
    }
    return state;
  };

  const emit = (event: MarketEvent, top: Top | null): void => {
    const state = stateOf(event.symbol);
    state.lastLocalUs = event.localUs;
    state.events += 1;
    counters.events += 1;
    port.emit(event, top);
  };

  const bookOf = ({ symbol, market }: BookMessage): BookSync => {
    let sync = books.get(symbol);
    if (sync === undefined) {
      const made = createBookSync(venue.bookRule(market), {
        applied: (change) => emit(change, { bid: bestOf(made.book.bids), ask: bestOf(made.book.asks) }),
        needSnapshot: (reason) => port.needSnapshot(symbol, reason),
        lost: (reason) => {
          stateOf(symbol).resyncs += 1;
          counters.resyncs += 1;
          port.lost(symbol, reason);
        },
        drift: port.drift,
      });
      sync = made;
      books.set(symbol, sync);
    }
    return sync;
  };

  const onTicker = (message: TickerMessage): void => {
    const { fields, symbol, timestampUs, localUs } = message;
    const before = tickers.get(symbol) ?? EMPTY;
    // Field by field: spreading objects of many shapes costs several times as much, for every message.
    const ticker: Ticker = {
      type: 'ticker',
      symbol,
      timestampUs,
      localUs,
      askAmount: fields.askAmount ?? before.askAmount,
      askPrice: fields.askPrice ?? before.askPrice,
      bidPrice: fields.bidPrice ?? before.bidPrice,
      bidAmount: fields.bidAmount ?? before.bidAmount,
      lastPrice: fields.lastPrice ?? before.lastPrice,
      baseVolume: fields.baseVolume ?? before.baseVolume,
      quoteVolume: fields.quoteVolume ?? before.quoteVolume,
    };
    tickers.set(symbol, ticker);
    carried.get(current.connection)?.add(symbol);
    emit(ticker, null);
  };

  const onTrade = (trade: Trade): void => {
    let seen = ids.get(trade.symbol);
    if (seen === undefined) {
      seen = createRecentIds();
      ids.set(trade.symbol, seen);
    }
    if (seen.add(trade.id)) emit(trade, null);
    else counters.duplicates += 1;
  };

  const onMessage = (message: MarketMessage): void => {
    current.told = true;
    if (!feeds.has(feedOf(message))) return counters.ignore(`${feedOf(message)} (not recorded)`);
    const ahead = message.timestampUs - message.localUs;
    if (ahead > AHEAD_US) counters.ahead += 1;
    if (ahead > ABSURD_US) return refuse('time: more than a day ahead of our clock');
    switch (message.type) {
      case 'trade':
        return onTrade(message);
      case 'ticker':
        return onTicker(message);
      case 'book':
        fedBy.set(message.symbol, current.connection);
        return bookOf(message).on(message);
    }
  };

  const ignore = (name: string): void => {
    current.told = true;
    counters.ignore(name);
  };

  /** Once for each frame, whatever number of its members are wrong. */
  const refuse = (reason: string): void => {
    current.told = true;
    if (current.refused) return;
    current.refused = true;
    counters.rejects += 1;
    port.reject(reason, current.text, current.localUs);
  };

  const resyncAll = (connection: string, reason: string): void => {
    for (const [symbol, by] of fedBy) if (by === connection) books.get(symbol)?.resync(reason);
  };

  /** What a refused frame held is not known. Where no sequence will tell, its connection's books are joined anew. */
  const doubt = (connection: string): void => {
    const market = mappers.get(connection)?.market ?? 'spot';
    if (venue.bookRule(market).snapshot === 'pushed') resyncAll(connection, 'a frame was refused');
  };

  const open = (connection: string, url: string): void => {
    carried.set(connection, new Set());
    const market = venue.marketOf(url);
    const map = venue.mapper({
      market,
      feeds,
      options,
      symbolOf: port.symbolOf,
      emit: onMessage,
      ignore,
      reject: refuse,
    });
    mappers.set(connection, { map, market });
  };

  return {
    counters,
    open,
    frame(connection, text, localUs) {
      counters.frames += 1;
      counters.bytes += text.length;
      current = { connection, text, localUs, told: false, refused: false };
      const read = venue.read(text);
      switch (read.kind) {
        case 'message': {
          const mapper = mappers.get(connection);
          if (mapper === undefined) return refuse('a frame before its connection was opened');
          mapper.map(read.message, localUs);
          if (!current.told) ignore('empty');
          return;
        }
        case 'ignored':
          return counters.ignore(read.name);
        case 'ack':
          return port.said(connection, 'ack', read.name);
        case 'notice':
          return port.said(connection, 'notice', read.name);
        case 'refused':
          return port.said(connection, 'refused', read.reason);
        case 'rejected':
          refuse(read.reason);
          return doubt(connection);
      }
    },
    close(connection) {
      mappers.delete(connection);
      // A quote from before the hole must not stand under a time after it.
      for (const symbol of carried.get(connection) ?? []) tickers.delete(symbol);
      carried.delete(connection);
      resyncAll(connection, 'disconnect');
    },
    snapshot: (message) => bookOf(message).on(message),
    resync: (symbol, reason) => books.get(symbol)?.resync(reason),
    books: () => books,
    symbols: () =>
      new Map(
        [...states].map(
          ([symbol, state]) => [symbol, { ...state, book: books.get(symbol)?.state() ?? null }] as const,
        ),
      ),
  };
}
