import type { Batch } from '../../src/core/batch.ts';
import { TICKER, WIDTHS } from '../../src/flow/rows.ts';

export interface Quote {
  readonly symbol: string;
  readonly localUs: number;
  readonly bid: number;
  readonly ask: number;
}

/** A ticker batch as a fetcher makes it, without its bytes. The venue's time is a millisecond before ours. */
export function quoteBatch(venue: string, quotes: readonly Quote[]): Batch {
  const symbols = [...new Set(quotes.map(({ symbol }) => symbol))];
  const width = WIDTHS.ticker;
  const columns = new Float64Array(quotes.length * width).fill(Number.NaN);
  quotes.forEach((quote, index) => {
    const at = index * width;
    columns[at] = symbols.indexOf(quote.symbol);
    columns[at + 1] = quote.localUs - 1000;
    columns[at + 2] = quote.localUs;
    columns[at + TICKER.bidPrice] = quote.bid;
    columns[at + TICKER.askPrice] = quote.ask;
  });
  return {
    venue,
    feed: 'ticker',
    parts: symbols.map((symbol) => ({
      symbol,
      start: 0,
      end: 0,
      rows: 0,
      lastRow: 0,
      day: '2026-11-21',
      begins: false,
    })),
    bytes: new Uint8Array(0),
    columns,
    width,
    events: quotes.length,
    firstLocalUs: quotes[0]?.localUs ?? 0,
    lastLocalUs: quotes.at(-1)?.localUs ?? 0,
  };
}

/** 2026-11-21T00:00:00Z */
export const DAY_US = 1_795_219_200_000_000;
