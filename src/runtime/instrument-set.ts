/** The instruments that a feed records: found by symbol and by the venue's id, and replaced while it runs. */

import type { Market } from '../core/event.ts';
import type { Located } from '../core/venue.ts';

export interface InstrumentSet {
  all(): readonly Located[];
  bySymbol(symbol: string): Located | undefined;
  /** One that is gone too: its connection may bring it until it is closed. */
  byId(id: string, market: Market): Located | undefined;
  /** It was recorded, and is not any more. */
  isGone(symbol: string): boolean;
  /** These and no others from now on; gives what is new and what is gone. */
  replace(next: readonly Located[]): {
    readonly added: readonly Located[];
    readonly removed: readonly Located[];
  };
}

export function createInstrumentSet(first: readonly Located[]): InstrumentSet {
  let all = first;
  let symbols = new Map<string, Located>();
  const ids = new Map<string, Located>();
  const gone = new Set<string>();

  const index = (): void => {
    symbols = new Map(all.map((one) => [one.symbol, one]));
    for (const one of all) ids.set(`${one.market} ${one.id}`, one);
  };

  index();
  return {
    all: () => all,
    bySymbol: (symbol) => symbols.get(symbol),
    byId: (id, market) => ids.get(`${market} ${id}`),
    isGone: (symbol) => gone.size > 0 && gone.has(symbol),
    replace(next) {
      const before = all;
      const had = symbols;
      all = next;
      index();
      const removed = before.filter(({ symbol }) => !symbols.has(symbol));
      for (const { symbol } of removed) gone.add(symbol);
      for (const { symbol } of next) gone.delete(symbol);
      return { added: next.filter(({ symbol }) => !had.has(symbol)), removed };
    },
  };
}
