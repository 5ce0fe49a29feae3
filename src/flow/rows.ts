/** Events as rows and as numbers. A file's header and its cells come from the same table (DESIGN 6.3). */

import { encodeCell } from '../core/csv.ts';
import type { BookChange, Feed, Level, MarketEvent, Ticker, Trade } from '../core/event.ts';
import { fileSymbol } from '../core/symbol.ts';

interface Column<E> {
  readonly name: string;
  /** The cell as it stands in the file. Times, sides and validated decimals never need quoting. */
  readonly cell: (event: E) => string;
}

type Table<E> = readonly Column<E>[];

const column = <E>(name: string, cell: (event: E) => string): Column<E> => ({ name, cell });

/** `exchange` and `symbol` stand first in every table and are encoded once per file (`rowPrefix`). */
const times = [
  column<MarketEvent>('timestamp', (event) => String(event.timestampUs)),
  column<MarketEvent>('local_timestamp', (event) => String(event.localUs)),
];

const TRADES: Table<Trade> = [
  ...times,
  column('id', (trade) => encodeCell(trade.id)),
  column('side', (trade) => trade.side),
  column('price', (trade) => trade.price),
  column('amount', (trade) => trade.amount),
];

const TICKER_TABLE: Table<Ticker> = [
  ...times,
  column('ask_amount', (ticker) => ticker.askAmount),
  column('ask_price', (ticker) => ticker.askPrice),
  column('bid_price', (ticker) => ticker.bidPrice),
  column('bid_amount', (ticker) => ticker.bidAmount),
  column('last_price', (ticker) => ticker.lastPrice),
  column('base_volume', (ticker) => ticker.baseVolume),
  column('quote_volume', (ticker) => ticker.quoteVolume),
];

const ORDERBOOK: Table<BookChange> = [
  ...times,
  column('is_snapshot', (book) => (book.snapshot ? 'true' : 'false')),
  column('sequence', (book) => numberCell(book.sequence)),
  column('bids', (book) => levelsCell(book.bids)),
  column('asks', (book) => levelsCell(book.asks)),
  column('prev_sequence', (book) => numberCell(book.prevSequence)),
  column('snapshot_sequence', (book) => numberCell(book.snapshotSequence)),
];

const numberCell = (value: number | null): string => (value === null ? '' : String(value));

/** `[["price","amount"],…]` as one quoted cell; the digits were validated, so nothing else needs escaping. */
function levelsCell(levels: readonly Level[]): string {
  if (levels.length === 0) return '[]';
  let cell = '"[';
  let separator = '[""';
  for (const level of levels) {
    cell += `${separator}${level[0]}"",""${level[1]}""]`;
    separator = ',[""';
  }
  return `${cell}]"`;
}

const names = (table: readonly { readonly name: string }[]): string =>
  ['exchange', 'symbol', ...table.map((one) => one.name)].join(',');

/** The header line of each feed's files, without its line end. */
export const HEADERS: Readonly<Record<Feed, string>> = {
  trades: names(TRADES),
  ticker: names(TICKER_TABLE),
  orderbook: names(ORDERBOOK),
};

/** The live file of one feed and symbol, relative to the data directory. */
export function rawFile(venue: string, feed: Feed, symbol: string): string {
  return `raw/${feed}-${venue}-${fileSymbol(symbol)}.csv`;
}

/** The feed whose live file has this name (without a folder); null for any other file. */
export function feedOfRawFile(name: string): Feed | null {
  const match = /^(ticker|orderbook|trades)-(?!.*\.columns-).+\.csv$/.exec(name);
  return match === null ? null : (match[1] as Feed);
}

/** The first two cells of every row of one file. */
export function rowPrefix(venue: string, symbol: string): string {
  return `${encodeCell(venue)},${encodeCell(symbol)}`;
}

/** One whole row with its line end. */
export function encodeEvent(prefix: string, event: MarketEvent): string {
  switch (event.type) {
    case 'trade':
      return cells(prefix, TRADES, event);
    case 'ticker':
      return cells(prefix, TICKER_TABLE, event);
    case 'book':
      return cells(prefix, ORDERBOOK, event);
  }
}

function cells<E>(prefix: string, table: Table<E>, event: E): string {
  let row = prefix;
  for (const one of table) row += `,${one.cell(event)}`;
  return `${row}\n`;
}

/** Positions in a batch's numeric columns; the first three are the part, the venue's time and ours (µs). */
export const TICKER = { askAmount: 3, askPrice: 4, bidPrice: 5, bidAmount: 6, lastPrice: 7 } as const;
export const TRADE = { price: 3, amount: 4, side: 5 } as const;
/** The top of the kept book after the change. */
export const BOOK = { bidPrice: 3, bidAmount: 4, askPrice: 5, askAmount: 6 } as const;

export const WIDTHS: Readonly<Record<Feed, number>> = { ticker: 8, trades: 6, orderbook: 7 };

const SIDES = { buy: 1, sell: -1, unknown: 0 } as const;

const number = (text: string | undefined): number =>
  text === undefined || text === '' ? Number.NaN : Number(text);

/** The best bid and ask of a kept book. */
export interface Top {
  readonly bid: Level | undefined;
  readonly ask: Level | undefined;
}

/** Writes one event's numbers at `offset`. */
export function writeNumbers(
  columns: Float64Array,
  offset: number,
  part: number,
  event: MarketEvent,
  top: Top | null,
): void {
  columns[offset] = part;
  columns[offset + 1] = event.timestampUs;
  columns[offset + 2] = event.localUs;
  switch (event.type) {
    case 'trade':
      columns[offset + TRADE.price] = Number(event.price);
      columns[offset + TRADE.amount] = Number(event.amount);
      columns[offset + TRADE.side] = SIDES[event.side];
      return;
    case 'ticker':
      columns[offset + TICKER.askAmount] = number(event.askAmount);
      columns[offset + TICKER.askPrice] = number(event.askPrice);
      columns[offset + TICKER.bidPrice] = number(event.bidPrice);
      columns[offset + TICKER.bidAmount] = number(event.bidAmount);
      columns[offset + TICKER.lastPrice] = number(event.lastPrice);
      return;
    case 'book':
      columns[offset + BOOK.bidPrice] = number(top?.bid?.[0]);
      columns[offset + BOOK.bidAmount] = number(top?.bid?.[1]);
      columns[offset + BOOK.askPrice] = number(top?.ask?.[0]);
      columns[offset + BOOK.askAmount] = number(top?.ask?.[1]);
      return;
  }
}
