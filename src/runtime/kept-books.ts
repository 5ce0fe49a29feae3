/** The kept books for `latest/book-{ex}.json`: those that changed since they were last told. */

import { topOf } from '../core/book.ts';
import type { BookSync } from '../core/book-sync.ts';
import type { Level } from '../core/event.ts';
import { seconds } from '../core/time.ts';
import type { Intake } from './intake.ts';

/** Levels a side. */
const LEVELS = 50;

export interface KeptBooks {
  changed(symbol: string): void;
  forget(symbol: string): void;
  /** `[symbol, JSON]` of each that changed; none of them is told again. */
  take(intake: Intake): readonly (readonly [symbol: string, json: string])[];
}

export function createKeptBooks(): KeptBooks {
  const symbols = new Set<string>();
  return {
    changed: (symbol) => void symbols.add(symbol),
    forget: (symbol) => void symbols.delete(symbol),
    take(intake) {
      if (symbols.size === 0) return [];
      const states = intake.symbols();
      const books = [...symbols].map((symbol) => {
        const sync = intake.books().get(symbol);
        const json = sync === undefined ? '{}' : bookJson(sync, states.get(symbol)?.lastLocalUs ?? 0);
        return [symbol, json] as const;
      });
      symbols.clear();
      return books;
    },
  };
}

/** One symbol of the file. */
export function bookJson(sync: BookSync, lastLocalUs: number): string {
  return JSON.stringify({
    state: sync.state(),
    local_ts: seconds(lastLocalUs),
    bids: topOf(sync.book.bids, LEVELS).map(pairOf),
    asks: topOf(sync.book.asks, LEVELS).map(pairOf),
  });
}

/** A venue's level can hold more (OKX: its orders), which is of no use to readers of the file. */
const pairOf = ([price, amount]: Level): Level => [price, amount];
