/**
 * A seeded model of markets: limit orders come, change and go, market orders walk the book. The price is drawn back to
 * where it began, so that it can run for days. Time goes on only by `step`; the same seed and the same steps give the
 * same events.
 */

import type { SimEvent, SimInstrument, SimTrade, SimView } from '../core/sim.ts';
import { levelsOf } from './book.ts';
import { createInstrumentMarket, type InstrumentMarket } from './instrument.ts';

export interface MarketOptions {
  readonly instruments: readonly SimInstrument[];
  readonly seed: number;
  /** 1 is a quiet market; everything happens so many times more often. */
  readonly rate: number;
  readonly startUs: number;
}

export interface Market {
  readonly view: SimView;
  /** Moves on to `nowUs`; gives what happened, in order. Going back is standing still. */
  step(nowUs: number): readonly SimEvent[];
  /** Moves on to `nowUs` with nothing having happened. */
  skip(nowUs: number): void;
  /** The venue's clock is so far from the market's from now on, µs; ahead when positive. */
  skew(us: number): void;
  /** The numbers of the symbol's book begin anew, and low. */
  renumber(symbol: string): void;
}

/** At least so many market orders of each symbol: no venue's answer has more trades. */
const RECENT = 1_000;

export function createMarket(options: MarketOptions): Market {
  let nowUs = options.startUs;
  let skewUs = 0;
  const markets = options.instruments.map((instrument, index) =>
    createInstrumentMarket(instrument, { ...options, seed: options.seed * 7919 + index * 104_729, index }),
  );
  const bySymbol = new Map(markets.map((market) => [market.instrument.symbol, market]));

  const find = (symbol: string): InstrumentMarket => {
    const market = bySymbol.get(symbol);
    if (market === undefined) throw new RangeError(`the simulator has no ${symbol}`);
    return market;
  };

  /** What was traded lately, for answers by REST. */
  const recent = new Map<string, SimTrade[]>();
  const remember = (event: SimEvent): void => {
    if (event.type !== 'trade') return;
    const list = recent.get(event.instrument.symbol) ?? [];
    recent.set(event.instrument.symbol, list);
    list.push(event);
    if (list.length > 2 * RECENT) list.splice(0, RECENT);
  };

  return {
    view: {
      instruments: options.instruments,
      nowUs: () => nowUs + skewUs,
      steadyUs: () => nowUs,
      book(symbol, depth) {
        const { sides, counts } = find(symbol);
        const { sequence, told, index } = counts();
        const [bids, asks] = [levelsOf(sides.bids.orders, depth), levelsOf(sides.asks.orders, depth)];
        return { sequence, told, index, bids, asks };
      },
      window: (symbol, depth) => find(symbol).window(depth),
      ticker: (symbol) => find(symbol).ticker('stats', nowUs + skewUs),
      trades: (symbol) => recent.get(find(symbol).instrument.symbol) ?? [],
    },
    step(untilUs) {
      const elapsedUs = Math.max(0, untilUs - nowUs);
      nowUs += elapsedUs;
      const happened = markets.flatMap((market) => market.step(elapsedUs / 1e6, nowUs));
      const events =
        skewUs === 0 ? happened : happened.map((event) => ({ ...event, timeUs: event.timeUs + skewUs }));
      for (const event of events) remember(event);
      return events;
    },
    skip(untilUs) {
      nowUs = Math.max(nowUs, untilUs);
    },
    skew(us) {
      skewUs = us;
    },
    renumber: (symbol) => find(symbol).renumber(),
  };
}
