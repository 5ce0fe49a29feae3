/** What is counted of each symbol of a feed. */

import type { MarketEvent } from '../core/event.ts';

export interface SymbolCounts {
  readonly lastLocalUs: number;
  readonly events: number;
  readonly resyncs: number;
}

export interface SymbolStates {
  event(event: MarketEvent): void;
  resynced(symbol: string): void;
  forget(symbol: string): void;
  all(): ReadonlyMap<string, SymbolCounts>;
}

export function createSymbolStates(): SymbolStates {
  const states = new Map<string, { -readonly [K in keyof SymbolCounts]: SymbolCounts[K] }>();

  const stateOf = (symbol: string) => {
    let state = states.get(symbol);
    if (state === undefined) {
      state = { lastLocalUs: 0, events: 0, resyncs: 0 };
      states.set(symbol, state);
    }
    return state;
  };

  return {
    event({ symbol, localUs }) {
      const state = stateOf(symbol);
      state.lastLocalUs = localUs;
      state.events += 1;
    },
    resynced(symbol) {
      stateOf(symbol).resyncs += 1;
    },
    forget: (symbol) => void states.delete(symbol),
    all: () => states,
  };
}
