/** The simulator's journal held against the files of a run. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JournalLine } from './collector.ts';

export const SYMBOLS = {
  binance: ['BTC/USDT', 'ETH/USDT', 'BTC/USDT:USDT'],
  bybit: ['BTC/USDT', 'BTC/USDT:USDT', 'ETH/USDT:USDT'],
  okx: ['BTC/USDT', 'ETH/USDT', 'BTC/USDT:USDT'],
  bitflyer: ['BTC/JPY', 'ETH/JPY', 'BTC/JPY:JPY'],
} as const;

export const fileOf = (feed: string, venue: string, symbol: string): string =>
  `${feed}-${venue}-${symbol.replaceAll('/', '-').replaceAll(':', '_')}.csv`;

export const levels = (side: JournalLine['bids']): string => JSON.stringify(side);

/** Whether the newest message of every feed and symbol is its file's newest row. */
export function isRecorded(folder: string, journal: readonly JournalLine[]): boolean {
  return Object.entries(SYMBOLS).every(([venue, symbols]) =>
    symbols.every((symbol) =>
      (['trades', 'orderbook', 'ticker'] as const).every((feed) => {
        const text = readFileSync(join(folder, 'data/raw', fileOf(feed, venue, symbol)), 'utf8');
        if (feed === 'ticker') {
          const sent = journal.filter(
            (line) => line.venue === venue && line.symbol === symbol && line.feed === feed,
          );
          // A header, and the empty text behind the last line end.
          return text.split('\n').length - 2 === sent.length;
        }
        const last = journal.findLast(
          (line) =>
            line.venue === venue &&
            line.symbol === symbol &&
            line.feed === feed &&
            line.conn !== 'rest' &&
            !(venue === 'bitflyer' && line.snapshot),
        );
        const newest = text.slice(text.lastIndexOf('\n', text.length - 2) + 1);
        const told = feed === 'trades' ? `,${last?.id},` : levels(last?.bids ?? []).replaceAll('"', '""');
        return newest.includes(told);
      }),
    ),
  );
}
