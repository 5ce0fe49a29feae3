/** How often a market trades, by symbol: a silence that is long for it may be one of the connection. */

import type { Trade } from '../core/event.ts';

/** Longer than this many times its mean, and than the floor. */
const SILENCE = { times: 20, floorUs: 30_000_000 };
/** Trades closer than this are one burst: their pace could not raise the bound above the floor. */
const BURST_US = SILENCE.floorUs / SILENCE.times;
/**
 * So many intervals tell the mean. At random times one in 500 is followed by a pause that passes for a silence, which costs
 * a look by REST; more would leave a stall soon after the start untold.
 */
const LEAST_INTERVALS = 3;
/** The mean is of all intervals at first, then the newest ones weigh more. */
const WEIGHT = 1 / 20;

export interface TradePace {
  /** µs since the trade before, where that is long by what is known of the market's pace; else null. */
  silence(trade: Pick<Trade, 'symbol' | 'localUs'>): number | null;
  forget(symbol: string): void;
}

interface Pace {
  lastUs: number;
  burstUs: number;
  meanUs: number;
  intervals: number;
}

export function createTradePace(): TradePace {
  const paces = new Map<string, Pace>();
  return {
    silence({ symbol, localUs }) {
      const pace = paces.get(symbol);
      if (pace === undefined) {
        paces.set(symbol, { lastUs: localUs, burstUs: localUs, meanUs: 0, intervals: 0 });
        return null;
      }
      const sinceUs = localUs - pace.lastUs;
      pace.lastUs = localUs;
      // Our clock was set back, which tells nothing of the market's pace.
      if (sinceUs < 0) pace.burstUs = localUs;
      const intervalUs = localUs - pace.burstUs;
      if (intervalUs < BURST_US) return null;
      pace.burstUs = localUs;
      const isKnown = pace.intervals >= LEAST_INTERVALS;
      const boundUs = Math.max(SILENCE.floorUs, SILENCE.times * pace.meanUs);
      const isLong = isKnown && sinceUs > boundUs;
      pace.intervals += 1;
      // An outage is not the market's pace, nor does a market that falls asleep pass for an outage for ever.
      const countedUs = isKnown ? Math.min(intervalUs, boundUs) : intervalUs;
      pace.meanUs += (countedUs - pace.meanUs) * Math.max(1 / pace.intervals, WEIGHT);
      return isLong ? sinceUs : null;
    },
    forget: (symbol: string) => void paces.delete(symbol),
  };
}
