/**
 * Frames in, events out: schema, mapper, book join, ticker carry, trade dedupe. Live and replay share it, so a
 * recording put through it again gives the same rows. It opens nothing and knows no time but that of the frames.
 */

import { bestOf } from '../core/book.ts';
import type { BookState, BookSync } from '../core/book-sync.ts';
import type { DriftVerdict } from '../core/drift.ts';
import {
  type BookMessage,
  type Feed,
  feedOf,
  type Market,
  type MarketEvent,
  type MarketMessage,
  type TickerMessage,
  type Trade,
} from '../core/event.ts';
import type { FeedOptions, Mapper, Venue } from '../core/venue.ts';
import type { Top } from '../flow/rows.ts';
import { createBooks } from './books.ts';
import { type Counters, createCounters } from './counters.ts';
import { createPlaces, isTurn, type Place, turn } from './places.ts';
import { baseOf } from './rates.ts';
import { createRestAnswers, type RestAnswers } from './rest-answers.ts';
import { createSymbolStates, type SymbolCounts } from './symbol-states.ts';
import { createTickers } from './tickers.ts';
import { createTradeIds } from './trade-ids.ts';

/** Further ahead of our clock than this is absurd, and refused; less is kept, and counted beyond `AHEAD_US`. */
const ABSURD_US = 24 * 3600 * 1_000_000;
const AHEAD_US = 1_000_000;

export interface IntakePort {
  /** Undefined for an instrument that is not to be recorded. */
  symbolOf(id: string, market: Market): string | undefined;
  /** It is known, and not recorded any more. */
  isGone?(symbol: string): boolean;
  /**
   * `place`: the file that the row belongs to, as it is now; `begins` is taken back after the call. False: it is no row,
   * for want of room or of a form for it.
   */
  emit(event: MarketEvent, top: Top | null, place: Readonly<Place>): boolean;
  /** Polled trades do not reach back to those before: between these two some are missing (`RestAnswersPort`). */
  unjoined(symbol: string, before: Trade | null, behind: Trade): void;
  /** A book needs a snapshot, by the venue's way. */
  needSnapshot(symbol: string, reason: string): void;
  lost(symbol: string, reason: string): void;
  drift(verdict: DriftVerdict): void;
  /** A frame was refused; `text` is all of it. Of an answer by REST the connection is empty. */
  reject(reason: string, text: string, localUs: number, connection: string): void;
  /** The venue said something about the connection; `name`: of what, as `Read` has it. */
  said(connection: string, what: 'ack' | 'refused' | 'notice', text: string, name: string): void;
  /** A message came, refused or not; `stream`: of which subscription, empty where that is not known. */
  heard?(connection: string, stream: string): void;
}

export interface SymbolState extends SymbolCounts {
  readonly book: BookState | null;
}

export interface Intake extends RestAnswers {
  /** A connection is open: its mapper begins with nothing. */
  open(connection: string, url: string): void;
  frame(connection: string, text: string, localUs: number): void;
  /**
   * The connection ended. What it fed is fed by the open one of the same plan (`spot`, `spot~2`), as far as the numbers
   * allow; other books are joined anew.
   */
  close(connection: string, reason?: string): void;
  /** A book or a ticker is still taken from this connection. */
  isNeeded(connection: string): boolean;
  snapshot(message: BookMessage): void;
  resync(symbol: string, reason: string): void;
  /** The symbol's next row begins a new file. */
  rotate(feed: Feed, symbol: string): void;
  /** These trades stand in the file already, or were seen by another thread: the same ids are no further rows. */
  seen(symbol: string, ids: readonly string[]): void;
  /** The symbol is not recorded any more; should it be again, it begins with nothing. */
  forget(symbol: string): void;
  books(): ReadonlyMap<string, BookSync>;
  symbols(): ReadonlyMap<string, SymbolState>;
  counters: Counters;
}

export function createIntake(
  venue: Venue,
  feeds: ReadonlySet<Feed>,
  options: FeedOptions,
  port: IntakePort,
): Intake {
  const counters = createCounters();
  const mappers = new Map<string, { readonly map: Mapper<unknown>; readonly market: Market | null }>();
  const tickers = createTickers();
  const trades = createTradeIds(venue.tradeIds('spot', options) === 'fills');
  const states = createSymbolStates();
  const places = createPlaces();
  /** For what the mapper says of it. */
  let current = { ...NONE };
  const taken = { rows: 0, refused: 0 };

  const emit = (event: MarketEvent, top: Top | null, place: Place): boolean => {
    states.event(event);
    counters.events += 1;
    const isRow = port.emit(event, top, place);
    if (isRow) taken.rows += 1;
    else taken.refused += 1;
    place.begins = false;
    return isRow;
  };

  const books = createBooks({
    rule: venue.bookRule,
    applied: (change, sync) => void emit(change, topOf(sync), places.of('orderbook', change.symbol)),
    needSnapshot: port.needSnapshot,
    lost(symbol, reason) {
      states.resynced(symbol);
      counters.resyncs += 1;
      port.lost(symbol, reason);
    },
    drift: port.drift,
  });

  const onTicker = (message: TickerMessage): void => {
    const { connection, stream, polled } = current;
    const ticker = polled ? tickers.polled(message) : tickers.on(connection, stream, message);
    if (ticker === null) counters.ignore('handover');
    else emit(ticker, null, places.of('ticker', message.symbol));
  };

  const onTrade = (trade: Trade): void => {
    const isKnown = trades.has(trade) || (current.polled && !current.filled && trades.isOld(trade));
    if (isKnown) {
      if (!current.polled) counters.duplicates += 1;
    } else if (emit(trade, null, places.of('trades', trade.symbol))) trades.add(trade);
  };

  /** Before anything received at `localUs` is applied: a new file of a book begins with what is kept until then. */
  const keepPlace = (feed: Feed, symbol: string, localUs: number): void => {
    const place = places.of(feed, symbol);
    if (!isTurn(place, localUs)) return;
    turn(place, localUs);
    if (feed !== 'orderbook' || !place.begins) return;
    const sync = books.all().get(symbol);
    const snapshot = sync?.snapshotOf(localUs);
    // A book that is not synced begins its file with the snapshot that it is joined by.
    if (sync !== undefined && snapshot) emit(snapshot, topOf(sync), place);
  };

  const onMessage = (message: MarketMessage): void => {
    current.told = true;
    if (port.isGone?.(message.symbol)) return counters.ignore('not recorded any more');
    if (!feeds.has(feedOf(message))) return counters.ignore(`${feedOf(message)} (not recorded)`);
    const ahead = message.timestampUs - message.localUs;
    if (ahead > AHEAD_US) counters.ahead += 1;
    if (ahead > ABSURD_US) return refuse('time: more than a day ahead of our clock');
    keepPlace(feedOf(message), message.symbol, current.localUs);
    switch (message.type) {
      case 'trade':
        return onTrade(message);
      case 'ticker':
        return onTicker(message);
      case 'book':
        if (current.polled) return books.polled(message);
        if (!books.on(current.connection, message)) counters.ignore('handover');
    }
  };

  const ignore = (name: string): void => {
    current.told = true;
    counters.ignore(name);
  };

  const orphan = (name: string): void => {
    current.stream = '';
    ignore(name);
  };

  /** Once for each frame, whatever number of its members are wrong. */
  const refuse = (reason: string): void => {
    current.told = true;
    if (current.refused) return;
    current.refused = true;
    counters.rejects += 1;
    port.reject(reason, current.text, current.localUs, current.connection);
  };

  /** What a refused frame held is not known. Where no sequence will tell, its connection's books are joined anew. */
  const doubt = (connection: string): void => {
    const market = mappers.get(connection)?.market ?? 'spot';
    if (venue.bookRule(market).snapshot === 'pushed') books.resyncOf(connection, 'a frame was refused');
  };

  /** The open connection that has the same streams. */
  const heirOf = (connection: string): string | null =>
    [...mappers.keys()].find((one) => one !== connection && baseOf(one) === baseOf(connection)) ?? null;

  const open = (connection: string, url: string): void => {
    tickers.opened(connection);
    const market = venue.marketOf(url);
    const map = venue.mapper({
      market,
      feeds,
      options,
      symbolOf: port.symbolOf,
      emit: onMessage,
      ignore,
      orphan,
      reject: refuse,
    });
    mappers.set(connection, { map, market });
  };

  const restAnswers = createRestAnswers({
    venue,
    trades,
    lastLocalUs: (symbol) => states.all().get(symbol)?.lastLocalUs ?? 0,
    counts: () => ({ ...taken }),
    begin(way, text, localUs) {
      counters.frames += 1;
      counters.bytes += text.length;
      current = { ...NONE, text, localUs, polled: true, filled: way === 'filled' };
    },
    message: onMessage,
    refuse,
    unjoined: port.unjoined,
  });

  return {
    counters,
    open,
    frame(connection, text, localUs) {
      counters.frames += 1;
      counters.bytes += text.length;
      current = { ...NONE, connection, text, localUs };
      const read = venue.read(text);
      switch (read.kind) {
        case 'message': {
          const mapper = mappers.get(connection);
          if (mapper === undefined) return refuse('a frame before its connection was opened');
          current.stream = read.stream;
          mapper.map(read.message, localUs);
          port.heard?.(connection, current.stream);
          if (!current.told) ignore('empty');
          return;
        }
        case 'ignored':
          return counters.ignore(read.name);
        case 'ack':
          return port.said(connection, 'ack', read.name, read.name);
        case 'notice':
          return port.said(connection, 'notice', read.name, '');
        case 'refused':
          return port.said(connection, 'refused', read.reason, read.name);
        case 'rejected':
          port.heard?.(connection, '');
          refuse(read.reason);
          return doubt(connection);
      }
    },
    close(connection, reason = 'disconnect') {
      mappers.delete(connection);
      const heir = heirOf(connection);
      tickers.closed(connection, heir);
      books.closed(connection, heir, reason);
    },
    isNeeded: (connection) => tickers.isOwner(connection) || books.isOwner(connection),
    snapshot(message) {
      keepPlace('orderbook', message.symbol, message.localUs);
      books.snapshot(message);
    },
    ...restAnswers,
    resync: (symbol, reason) => books.all().get(symbol)?.resync(reason),
    rotate: places.ask,
    seen: trades.remember,
    forget(symbol) {
      for (const one of [books, tickers, trades, states, places]) one.forget(symbol);
    },
    books: books.all,
    symbols() {
      const bookOf = (symbol: string) => books.all().get(symbol)?.state() ?? null;
      return new Map(
        [...states.all()].map(([symbol, state]) => [symbol, { ...state, book: bookOf(symbol) }]),
      );
    },
  };
}

/** The frame or answer at work, before anything is known of it. */
const NONE = {
  ...{ connection: '', stream: '', text: '', localUs: 0 },
  ...{ polled: false, filled: false, told: false, refused: false },
};

const topOf = ({ book }: BookSync): Top => ({ bid: bestOf(book.bids), ask: bestOf(book.asks) });
