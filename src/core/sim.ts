/** What the simulator needs of a venue: our events put into the venue's own words. Pure; opens nothing. */

import type { Feed, Level, Market, Side } from './event.ts';

/** One symbol's market in the simulator. */
export interface SimInstrument {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly market: Market;
  /** Price tick and amount step as decimal text; prices and amounts are multiples of them. */
  readonly tick: string;
  readonly step: string;
  /** Most fraction digits that the venue sends, of prices, amounts and the turnover in quote currency. */
  readonly priceDigits: number;
  readonly amountDigits: number;
  readonly quoteDigits: number;
  /** What the venue does with zeros at the end of a fraction: sends all, none, or one (`5867768.0`). */
  readonly zeros: 'all' | 'none' | 'one';
}

/** One resting order that a market order met. `id` counts up by one per instrument. */
export interface SimFill {
  readonly id: number;
  readonly amount: string;
}

/** What a market order took at one price, as venues that aggregate tell it. */
export interface SimPrint {
  /** Counts up by one per instrument, apart from the ids of fills. */
  readonly aggregate: number;
  readonly price: string;
  /** All fills together. */
  readonly amount: string;
  readonly fills: readonly SimFill[];
}

/** One market order that walked the book: the prices it reached, best first. */
export interface SimTrade {
  readonly type: 'trade';
  readonly instrument: SimInstrument;
  /** Of the taker. */
  readonly side: 'buy' | 'sell';
  readonly prints: readonly SimPrint[];
  readonly timeUs: number;
}

/** The levels that changed since the previous update of this instrument, absolute; zero removes. */
export interface SimBookUpdate {
  readonly type: 'book';
  readonly instrument: SimInstrument;
  /** The first and the last change that it covers; `first` is the previous update's `last` + 1. */
  readonly first: number;
  readonly last: number;
  /** The previous update's `last`. */
  readonly previous: number;
  /** This update's number, from 1. */
  readonly index: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly timeUs: number;
}

export interface SimTicker {
  readonly type: 'ticker';
  readonly instrument: SimInstrument;
  /** Changes of the book so far. */
  readonly sequence: number;
  /** Counts the changes of the best bid or ask. */
  readonly index: number;
  readonly bid: Level;
  readonly ask: Level;
  readonly last: string;
  readonly lastAmount: string;
  /** Since the simulator began, as are the volumes. */
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly baseVolume: string;
  readonly quoteVolume: string;
  /** `quote`: the best bid or ask changed; `stats`: the 24-hour figures are due. */
  readonly part: 'quote' | 'stats';
  readonly timeUs: number;
}

export type SimEvent = SimTrade | SimBookUpdate | SimTicker;

export interface SimBook {
  /** Changes so far, those included that no update has told yet. */
  readonly sequence: number;
  /** `last` and `index` of the newest update. */
  readonly told: number;
  readonly index: number;
  /** Best first. */
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/**
 * The best levels only, as a client of a channel of that depth is told them: its changes also remove what fell out of
 * the depth and add what came into it.
 */
export interface SimWindow {
  /** `index` of the `SimBookUpdate` that changed it last; 0 before the first. */
  readonly update: number;
  /** Counts its changes. */
  readonly index: number;
  /** The book's `sequence` at its newest change, and at the one before. */
  readonly sequence: number;
  readonly previous: number;
  /** As told so far, best first: not what the book has become since. */
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  /** What the newest change was, absolute; zero removes. */
  readonly changedBids: readonly Level[];
  readonly changedAsks: readonly Level[];
}

/** The state that snapshots and REST answers are made of. */
export interface SimView {
  readonly instruments: readonly SimInstrument[];
  /** What the venue's clock says: what its messages hold. */
  nowUs(): number;
  /** Time that nothing sets: for what is due. */
  steadyUs(): number;
  /** At most `depth` levels a side. */
  book(symbol: string, depth: number): SimBook;
  /** Kept up with every update from the first call on; all clients of a depth share it. */
  window(symbol: string, depth: number): SimWindow;
  ticker(symbol: string): SimTicker;
  /** The newest market orders of a symbol, oldest first, as many as the market remembers. */
  trades(symbol: string): readonly SimTrade[];
}

/** What a frame says, for the journal: the row that it must become, in the terms of the data files. */
export type JournalEntry =
  | {
      readonly feed: 'trades';
      readonly symbol: string;
      readonly timestampUs: number;
      readonly id: string;
      readonly side: Side;
      readonly price: string;
      readonly amount: string;
    }
  | {
      readonly feed: 'ticker';
      readonly symbol: string;
      /** Null where the venue sends no time: the row then holds our time of receipt. */
      readonly timestampUs: number | null;
    }
  | {
      readonly feed: 'orderbook';
      readonly symbol: string;
      readonly timestampUs: number | null;
      readonly snapshot: boolean;
      /** Null where the venue numbers nothing. */
      readonly sequence: number | null;
      readonly prevSequence: number | null;
      readonly bids: readonly Level[];
      readonly asks: readonly Level[];
    };

export type TradeEntry = Extract<JournalEntry, { readonly feed: 'trades' }>;

export interface SimFrame {
  readonly text: string;
  /** Empty for what is no market data: acknowledgements, pongs. */
  readonly journal: readonly JournalEntry[];
}

/** One client's connection. */
export interface SimSession {
  /** How often the venue sends a protocol ping, ms; null where it never does. */
  readonly pingMs: number | null;
  /** What the server says to a client's message. Throws on nonsense, which ends the connection. */
  onMessage(text: string): readonly SimFrame[];
  /** What this client is sent for a market event; empty when it did not ask for it. */
  onEvent(event: SimEvent): readonly SimFrame[];
  /** Frames due by time alone (bitFlyer's pushed snapshots). `steadyUs`: the view's. */
  onTick(steadyUs: number): readonly SimFrame[];
  /** What tells this client that an instrument's numbers began anew; absent where nothing does. */
  onRenumber?(instrument: SimInstrument): readonly SimFrame[];
}

export interface SimRequest {
  /** Without the host, from `/`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface SimResponse {
  readonly status: number;
  readonly body: string;
  /** What it costs of a pool that refills each minute, and the header that tells how much of it is used. */
  readonly cost?: { readonly pool: string; readonly weight: number; readonly header: string };
  /** What it says of the market. A depth answer is a book snapshot: a row when the collector joins or polls it. */
  readonly journal?: readonly JournalEntry[];
}

/** What a subscription names. Null: the venue's name tells nothing that we know. */
export interface SimStream {
  readonly symbol: string | null;
  readonly feed: Feed | null;
}

/** A client's message that asks for streams. */
export interface SimAsked {
  readonly streams: readonly SimStream[];
  /** The same message for these streams alone; null when none is left. */
  only(isKept: (stream: SimStream) => boolean): string | null;
  /** The venue's refusal because of these streams, and what it takes of the message all the same. */
  refuse(isRefused: (stream: SimStream) => boolean): {
    readonly texts: readonly string[];
    readonly left: string | null;
  };
}

/** What goes wrong at a venue, in the venue's own words. Pure. */
export interface VenueFaults {
  /** What a connection to this path is told before it is closed; null where the venue tells nothing. */
  notice: ((path: string, nowUs: number) => string | null) | null;
  /** A frame of a kind that the venue never sent, as it would come on this path. */
  unknownKind(path: string, nowUs: number): string;
  /** Null when the client's message asks for nothing. Throws on nonsense. */
  asked(text: string, path: string, instruments: readonly SimInstrument[]): SimAsked | null;
  /** The body of an answer with this HTTP status. `retryAfterSec`: what its header says; null where there is none. */
  errorBody(status: number, nowUs: number, retryAfterSec: number | null): string;
  /** Whether its books are numbered, so that the numbers can begin anew. */
  readonly numbered: boolean;
}

export interface VenueSim {
  /** The instruments that the simulator offers by default. */
  readonly instruments: readonly SimInstrument[];
  /** A new client; null refuses its path with 404. */
  session(request: SimRequest, view: SimView): SimSession | null;
  /** Null answers 404. */
  rest(request: SimRequest, view: SimView): SimResponse | null;
  /** A trade as rows, in the ids of the streams that are recorded where the settings name no other. */
  rows(trade: SimTrade): readonly JournalEntry[];
  /** Null where nothing is simulated. */
  readonly faults: VenueFaults | null;
}

/** A fill, or what a print took, as a row. `side`: where the venue tells another than the taker's. */
export function tradeEntry(
  trade: SimTrade,
  { price, amount }: { readonly price: string; readonly amount: string },
  id: string,
  timestampUs: number,
  side: Side = trade.side,
): TradeEntry {
  return { feed: 'trades', symbol: trade.instrument.symbol, timestampUs, id, side, price, amount };
}

/** `timestampUs` null: the venue sends no time. */
export function tickerEntry({ symbol }: SimInstrument, timestampUs: number | null): JournalEntry {
  return { feed: 'ticker', symbol, timestampUs };
}

interface BookEntry {
  readonly timestampUs: number | null;
  readonly snapshot: boolean;
  readonly sequence: number | null;
  readonly prevSequence: number | null;
}

export function bookEntry(
  { symbol }: SimInstrument,
  { bids, asks }: { readonly bids: readonly Level[]; readonly asks: readonly Level[] },
  { timestampUs, snapshot, sequence, prevSequence }: BookEntry,
): JournalEntry {
  return { feed: 'orderbook', symbol, timestampUs, snapshot, sequence, prevSequence, bids, asks };
}
