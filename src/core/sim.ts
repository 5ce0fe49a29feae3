/** What the simulator needs of a venue: our events put into the venue's own words. Pure; opens nothing. */

import type { Level, Market, Side } from './event.ts';

/** One symbol's market in the simulator. */
export interface SimInstrument {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly market: Market;
  /** Price tick and amount step as decimal text; prices and amounts are multiples of them. */
  readonly tick: string;
  readonly step: string;
  /** Fraction digits that the venue sends, of prices and of amounts. */
  readonly priceDigits: number;
  readonly amountDigits: number;
}

/** Part of a market order that walked the book, at one price. `id` counts up by one per instrument. */
export interface SimTrade {
  readonly type: 'trade';
  readonly instrument: SimInstrument;
  readonly id: number;
  readonly side: Side;
  readonly price: string;
  readonly amount: string;
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
  readonly sequence: number;
  readonly bid: Level;
  readonly ask: Level;
  readonly last: string;
  readonly baseVolume: string;
  readonly quoteVolume: string;
  /** `quote`: the best bid or ask changed; `stats`: the 24-hour figures did. */
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

/** The state that snapshots and REST answers are made of. */
export interface SimView {
  readonly instruments: readonly SimInstrument[];
  nowUs(): number;
  /** At most `depth` levels a side. */
  book(symbol: string, depth: number): SimBook;
  ticker(symbol: string): SimTicker;
}

/** What a frame says, for the journal: the row that it must become, in the terms of the data files. */
export type JournalEntry =
  | {
      readonly feed: 'trades';
      readonly symbol: string;
      readonly id: string;
      readonly side: Side;
      readonly price: string;
      readonly amount: string;
      readonly timestampUs: number;
    }
  | { readonly feed: 'ticker'; readonly symbol: string; readonly timestampUs: number | null }
  | {
      readonly feed: 'orderbook';
      readonly symbol: string;
      readonly snapshot: boolean;
      /** Null where the venue numbers nothing. */
      readonly sequence: number | null;
      readonly prevSequence: number | null;
      readonly bids: readonly Level[];
      readonly asks: readonly Level[];
    };

export interface SimFrame {
  readonly text: string;
  /** Empty for what is no market data: acknowledgements, pongs. */
  readonly journal: readonly JournalEntry[];
}

/** One client's connection. */
export interface SimSession {
  /** What the server says to a client's message. */
  onMessage(text: string): readonly SimFrame[];
  /** What this client is sent for a market event; empty when it did not ask for it. */
  onEvent(event: SimEvent): readonly SimFrame[];
  /** Frames due by time alone (bitFlyer's pushed snapshots). */
  onTick(nowUs: number): readonly SimFrame[];
}

export interface SimRequest {
  /** Without the host, from `/`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface SimResponse {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A depth answer is a book snapshot: a row when the collector joins it. */
  readonly journal?: readonly JournalEntry[];
}

export interface VenueSim {
  /** The instruments that the simulator offers by default. */
  readonly instruments: readonly SimInstrument[];
  /** A new client; null refuses its path with 404. */
  session(request: SimRequest, view: SimView): SimSession | null;
  /** Null answers 404. */
  rest(request: SimRequest, view: SimView): SimResponse | null;
}
