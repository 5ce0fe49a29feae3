/** The instruments that a feed records: found by symbol and by the venue's id, and replaced while it runs. */

import type { Market } from '../core/event.ts';
import type { Located } from '../core/venue.ts';

export interface InstrumentSet {
  all(): readonly Located[];
  bySymbol(symbol: string): Located | undefined;
  byId(id: string, market: Market): Located | undefined;
  /** These and no others from now on; gives what is new and what is gone. */
  replace(next: readonly Located[]): {
    readonly added: readonly Located[];
    readonly removed: readonly Located[];
  };
}

export function createInstrumentSet(first: readonly Located[]): InstrumentSet {
  let all = first;
  let symbols = new Map<string, Located>();
  let ids = new Map<string, Located>();

  const index = (): void => {
    symbols = new Map(all.map((one) => [one.symbol, one]));
    ids = new Map(all.map((one) => [`${one.market} ${one.id}`, one]));
  };

  index();
  return {
    all: () => all,
    bySymbol: (symbol) => symbols.get(symbol),
    byId: (id, market) => ids.get(`${market} ${id}`),
    replace(next) {
      const before = all;
      const had = symbols;
      all = next;
      index();
      return {
        added: next.filter(({ symbol }) => !had.has(symbol)),
        removed: before.filter(({ symbol }) => !symbols.has(symbol)),
      };
    },
  };
}
