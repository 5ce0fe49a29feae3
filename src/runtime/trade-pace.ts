/** How often a market trades, by symbol: a silence that is long for it may be one of the connection. */

import type { Trade } from '../core/event.ts';

/** Longer than this many times its mean, and than the floor. */
const SILENCE = { times: 20, floorUs: 30_000_000 };

export interface TradePace {
  /** µs since the trade before, where that is long; else null. */
  silence(trade: Trade): number | null;
  forget(symbol: string): void;
}

/** The newest trades count most. */
export function createTradePace(): TradePace {
  const paces = new Map<string, { lastUs: number; meanUs: number }>();
  return {
    silence({ symbol, localUs }) {
      const pace = paces.get(symbol);
      if (pace === undefined) {
        paces.set(symbol, { lastUs: localUs, meanUs: 0 });
        return null;
      }
      const sinceUs = localUs - pace.lastUs;
      pace.lastUs = localUs;
      // Our clock was set back, which tells nothing of the market's pace.
      if (sinceUs < 0) return null;
      const isLong = sinceUs > Math.max(SILENCE.floorUs, SILENCE.times * pace.meanUs);
      pace.meanUs += (sinceUs - pace.meanUs) / 20;
      return isLong ? sinceUs : null;
    },
    forget: (symbol: string) => void paces.delete(symbol),
  };
}
