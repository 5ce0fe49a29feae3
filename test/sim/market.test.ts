/** The market model: the same seed gives the same market, its books are books, its digits the venue's. */

import { describe, expect, test } from 'vitest';
import type { SimEvent, SimInstrument } from '../../src/core/sim.ts';
import { createMarket } from '../../src/sim/market.ts';
import { offer } from '../../src/sim/offer.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';
import { applyLevels, type Kept, START_US, simBench, sorted } from './bench.ts';

const all: readonly SimInstrument[] = VENUES.flatMap((venue) => venue.sim.instruments).filter(
  (one, index, list) => list.findIndex((other) => other.symbol === one.symbol) === index,
);

function play(seed: number, steps: readonly number[]): readonly SimEvent[] {
  const market = createMarket({ instruments: all, seed, rate: 50, startUs: START_US });
  return steps.flatMap((us) => market.step(us));
}

const steps = Array.from({ length: 200 }, (_, step) => START_US + step * 10_000);

describe('determinism', () => {
  test('the same seed and steps give the same events; another seed others', () => {
    const [a, b, c] = [play(7, steps), play(7, steps), play(8, steps)];
    expect(a.length).toBeGreaterThan(2_000);
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(JSON.stringify(a)).not.toBe(JSON.stringify(c));
  });

  test('two instruments of the same tick, step and price are not copies of one another', () => {
    const trades = simBench('bitflyer', { rate: 50 })
      .run(2_000)
      .filter((event) => event.type === 'trade');
    const amounts = (symbol: string) =>
      trades.filter((event) => event.instrument.symbol === symbol).map((event) => event.prints[0]?.amount);
    expect(amounts('BTC/JPY').length).toBeGreaterThan(50);
    expect(amounts('BTC/JPY')).not.toEqual(amounts('BTC/JPY:JPY'));
  });

  test('a market that starts a second later gives other trade ids', () => {
    const ids = (startUs: number) => {
      const market = createMarket({ instruments: all, seed: 1, rate: 50, startUs });
      const trades = market.step(startUs + 900_000).filter((event) => event.type === 'trade');
      return trades.flatMap((event) => event.prints.flatMap((print) => print.fills.map((fill) => fill.id)));
    };
    const [first, second] = [new Set(ids(START_US)), ids(START_US + 1_000_000)];
    expect(first.size).toBeGreaterThan(100);
    expect(second.filter((id) => first.has(id))).toEqual([]);
  });

  test('going back in time is standing still; skipped time brings nothing', () => {
    const market = createMarket({ instruments: all, seed: 1, rate: 50, startUs: START_US });
    market.step(START_US + 1_000_000);
    expect(market.step(START_US)).toEqual([]);
    expect(market.view.nowUs()).toBe(START_US + 1_000_000);
    market.skip(START_US + 60_000_000);
    const after = market.step(START_US + 60_010_000);
    expect(after.filter((event) => event.type === 'trade').length).toBeLessThan(100);
    expect(after.every((event) => event.timeUs === START_US + 60_010_000)).toBe(true);
  });
});

describe.each(VENUES.map((venue) => venue.id))('%s', (id) => {
  test('books never cross nor run empty, and prices stay near where they began, over an hour of a quiet market', () => {
    const { market, view } = simBench(id, { rate: 40 });
    const first = new Map(view.instruments.map((one) => [one.symbol, Number(view.ticker(one.symbol).last)]));
    for (let step = 1; step <= 360; step++) {
      // At 40 times the pace, 90 s are an hour.
      market.step(START_US + step * 250_000);
      for (const { symbol } of view.instruments) {
        const { bids, asks } = view.book(symbol, 1_000);
        expect(Number(bids[0]?.[0])).toBeLessThan(Number(asks[0]?.[0]));
        expect(Math.min(bids.length, asks.length)).toBeGreaterThan(100);
        expect(Math.max(bids.length, asks.length)).toBeLessThan(500);
        const price = Number(view.ticker(symbol).last);
        expect(Math.abs(price / (first.get(symbol) ?? 0) - 1)).toBeLessThan(0.05);
      }
    }
  });

  test('prices are multiples of the tick, amounts of the step, in exactly the venue’s digits', () => {
    const bench = simBench(id, { rate: 50 });
    const events = bench.run(3_000);
    for (const instrument of bench.view.instruments) {
      const own = events.filter((event) => event.instrument === instrument);
      const prints = own.flatMap((event) => (event.type === 'trade' ? event.prints : []));
      const levels = own.flatMap((event) => (event.type === 'book' ? [...event.bids, ...event.asks] : []));
      expect(prints.length).toBeGreaterThan(50);
      expect(levels.some(([, amount]) => Number(amount) === 0)).toBe(true);
      const { priceDigits, amountDigits, tick, step, zeros } = instrument;
      const pattern = (digits: number): RegExp =>
        zeros === 'all'
          ? new RegExp(`^\\d+\\.\\d{${digits}}$`)
          : zeros === 'none'
            ? new RegExp(`^\\d+(\\.\\d{0,${digits - 1}}[1-9])?$`)
            : new RegExp(`^\\d+\\.(\\d|\\d{0,${digits - 1}}[1-9])$`);
      for (const [price, amount] of [
        ...levels,
        ...prints.map((print) => [print.price, print.amount] as const),
      ]) {
        expect(price).toMatch(pattern(priceDigits));
        expect(amount).toMatch(pattern(amountDigits));
        expect(isMultiple(price, tick)).toBe(true);
        expect(isMultiple(amount, step)).toBe(true);
      }
    }
  });

  test('ids count up by one; a print’s fills add up to its amount', () => {
    const bench = simBench(id, { rate: 50 });
    const events = bench.run(3_000);
    for (const instrument of bench.view.instruments) {
      const trades = events.filter((event) => event.type === 'trade' && event.instrument === instrument);
      const prints = trades.flatMap((event) => (event.type === 'trade' ? event.prints : []));
      const ids = prints.flatMap((print) => print.fills.map((fill) => fill.id));
      expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
      const aggregates = prints.map((print) => print.aggregate);
      expect(aggregates).toEqual(aggregates.map((_, index) => (aggregates[0] ?? 0) + index));
      expect(prints.some((print) => print.fills.length > 1)).toBe(true);
      expect(trades.some((event) => event.type === 'trade' && event.prints.length > 1)).toBe(true);
      for (const print of prints) {
        const sum = print.fills.reduce((total, fill) => total + Number(fill.amount), 0);
        expect(sum).toBeCloseTo(Number(print.amount), 9);
      }
    }
  });

  test('updates follow one another, and put together give the model’s book and its windows', () => {
    const bench = simBench(id, { rate: 50 });
    const { view } = bench;
    for (const instrument of view.instruments) {
      const { symbol } = instrument;
      const book = { bids: new Map() as Kept, asks: new Map() as Kept };
      const few = { bids: new Map() as Kept, asks: new Map() as Kept };
      const [start, window] = [view.book(symbol, 1_000), view.window(symbol, 50)];
      applyLevels(book.bids, start.bids);
      applyLevels(book.asks, start.asks);
      applyLevels(few.bids, window.bids);
      applyLevels(few.asks, window.asks);
      let previous = start.told;
      let { index, sequence } = window;
      let compared = 0;
      for (let step = 0; step < 200; step++) {
        for (const event of bench.run(10)) {
          if (event.type !== 'book' || event.instrument !== instrument) continue;
          expect([event.previous, event.first]).toEqual([previous, previous + 1]);
          previous = event.last;
          applyLevels(book.bids, event.bids);
          applyLevels(book.asks, event.asks);
          if (step % 20 === 0) {
            compared += 1;
            expect(sorted(book.bids, 1)).toEqual(view.book(symbol, 1_000).bids);
            expect(sorted(book.asks, -1)).toEqual(view.book(symbol, 1_000).asks);
          }
          const now = view.window(symbol, 50);
          if (now.update !== event.index) {
            expect([now.index, now.sequence]).toEqual([index, sequence]);
            continue;
          }
          expect([now.index, now.previous, now.sequence]).toEqual([index + 1, sequence, event.last]);
          ({ index, sequence } = now);
          applyLevels(few.bids, now.changedBids);
          applyLevels(few.asks, now.changedAsks);
          expect(sorted(few.bids, 1)).toEqual(view.book(symbol, 50).bids);
          expect(sorted(few.asks, -1)).toEqual(view.book(symbol, 50).asks);
        }
      }
      expect(compared).toBeGreaterThan(3);
    }
  });
});

function isMultiple(text: string, unit: string): boolean {
  const digits = 10;
  const whole = (decimal: string): bigint => {
    const [integer = '0', fraction = ''] = decimal.split('.');
    return BigInt(integer + fraction.padEnd(digits, '0'));
  };
  return whole(text) % whole(unit) === 0n;
}

describe('what is offered', () => {
  test('other symbols take the digits of the venue’s first instrument of that market', () => {
    const own = venueById('binance')?.sim.instruments ?? [];
    const offered = offer(own, ['SOL/USDT:USDT', 'BTC/USDT', 'SOL/USDT:USDT', 'nonsense']);
    expect(offered.slice(0, own.length)).toEqual(own);
    expect(offered.slice(own.length).map((one) => [one.symbol, one.base])).toEqual([
      ['SOL/USDT:USDT', 'SOL'],
    ]);
    const market = createMarket({ instruments: offered, seed: 1, rate: 50, startUs: START_US });
    market.step(START_US + 20_000_000);
    // A cheap coin on a coarse tick has no price at or below zero.
    expect(market.view.book('SOL/USDT:USDT', 1_000).bids.every(([price]) => Number(price) > 0)).toBe(true);
  });
});
