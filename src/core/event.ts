/** What happened at a venue, in our units. Plain and immutable; prices and amounts are the venue's own digits. */

export const FEEDS = ['ticker', 'orderbook', 'trades'] as const;
export type Feed = (typeof FEEDS)[number];

export type Market = 'spot' | 'linear';

/** Price and amount, the venue's own digits; an amount that is numerically zero removes the price. */
export type Level = readonly [price: string, amount: string];

export type Side = 'buy' | 'sell' | 'unknown';

interface Stamped {
  readonly symbol: string;
  /** The venue's time, µs UTC, truncated; where the venue sends none, `localUs`. */
  readonly timestampUs: number;
  /** Our time at receipt of the frame, µs UTC. */
  readonly localUs: number;
}

export interface Trade extends Stamped {
  readonly type: 'trade';
  readonly id: string;
  /** Side of the taker. */
  readonly side: Side;
  readonly price: string;
  readonly amount: string;
  /** Where the venue tells several fills as one row, the id of the first; `id` is the last. Those between are no rows. */
  readonly firstId?: string;
}

/** A field that no message has filled yet is the empty string. */
export interface TickerFields {
  readonly askAmount: string;
  readonly askPrice: string;
  readonly bidPrice: string;
  readonly bidAmount: string;
  readonly lastPrice: string;
  readonly baseVolume: string;
  readonly quoteVolume: string;
}

/** One message of one ticker channel: only the fields that this channel carries. */
export interface TickerMessage extends Stamped {
  readonly type: 'ticker';
  readonly fields: Partial<TickerFields>;
  /** The venue's own number of it, where it has one: the same message over two connections has the same. */
  readonly sequence?: number;
}

/** A ticker message with the fields of the other channels carried from their newest message: one row. */
export interface Ticker extends Stamped, TickerFields {
  readonly type: 'ticker';
}

/**
 * A book message as the venue sent it, before it is joined. `sequence` and `prevSequence` follow the table in
 * EVENTS.md; both are null where the venue numbers nothing (bitFlyer, OKX before 2023).
 */
export interface BookMessage extends Stamped {
  readonly type: 'book';
  /** Whose sequence rule holds. */
  readonly market: Market;
  readonly snapshot: boolean;
  readonly sequence: number | null;
  readonly prevSequence: number | null;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** A book message that was applied to the kept book: one row. */
export interface BookChange extends BookMessage {
  /** The `sequence` of the snapshot that this row follows (of a snapshot: its own). */
  readonly snapshotSequence: number | null;
}

export type MarketMessage = Trade | TickerMessage | BookMessage;
export type MarketEvent = Trade | Ticker | BookChange;

export function feedOf(event: MarketMessage | MarketEvent): Feed {
  return event.type === 'trade' ? 'trades' : event.type === 'ticker' ? 'ticker' : 'orderbook';
}
