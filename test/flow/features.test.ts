import fc from 'fast-check';
import { expect, test } from 'vitest';
import { featureEngine } from '../../src/flow/features/engine.ts';
import type { Feature } from '../../src/flow/features/feature.ts';
import { FEATURES } from '../../src/flow/features/index.ts';
import { latestFeatures } from '../../src/flow/features/latest.ts';
import { numberText, placesOf, roundTo } from '../../src/flow/features/number.ts';
import { QUOTE } from '../../src/flow/features/quote.ts';
import { DAY_US, quoteBatch } from './quotes.ts';

const quote = (ms: number, bid: number, ask: number, symbol = 'BTC/USDT') => ({
  symbol,
  localUs: DAY_US + ms * 1000,
  bid,
  ask,
});

test('the newest mid and spread per symbol, with the times of their event', () => {
  const batch = quoteBatch('binance', [quote(1, 100, 101), quote(2, 7, 8, 'ETH/USDT'), quote(3, 102, 104)]);
  expect(featureEngine().ingest(batch)).toEqual([
    {
      venue: 'binance',
      rows: [
        {
          symbol: 'BTC/USDT',
          timestampUs: DAY_US + 2000,
          localUs: DAY_US + 3000,
          values: { mid: 103, spread: 2 },
        },
        {
          symbol: 'ETH/USDT',
          timestampUs: DAY_US + 1000,
          localUs: DAY_US + 2000,
          values: { mid: 7.5, spread: 1 },
        },
      ],
    },
  ]);
});

test('a crossed, zero or empty quote gives no value and is counted once; a locked one is a quote', () => {
  const engine = featureEngine();
  const faults = [quote(2, 105, 104), quote(3, 0, 104), quote(4, Number.NaN, 104), quote(5, 100, Number.NaN)];
  const [out] = engine.ingest(quoteBatch('okx', [quote(1, 100, 100), ...faults]));
  expect(out?.rows).toEqual([
    { symbol: 'BTC/USDT', timestampUs: DAY_US, localUs: DAY_US + 1000, values: { mid: 100, spread: 0 } },
  ]);
  expect(engine.ingest(quoteBatch('okx', faults))).toEqual([]);
  expect(engine.counts?.()).toEqual({ quote_crossed: 2, quote_zero: 2, quote_empty: 4 });
});

test('a batch over the end of a second gives the newest of each second', () => {
  const quotes = [
    quote(998, 1, 2),
    quote(999, 3, 4),
    quote(1000, 9, 8),
    quote(1001, 5, 6),
    quote(1999, 7, 8),
  ];
  const [out] = featureEngine().ingest(quoteBatch('okx', quotes));
  expect(out?.rows.map((row) => [(row.localUs - DAY_US) / 1000, row.values.mid])).toEqual([
    [999, 3.5],
    [1999, 7.5],
  ]);
});

test('rows already given do not change when later batches come; the same symbol of two venues is apart', () => {
  const engine = featureEngine();
  const [first] = engine.ingest(quoteBatch('okx', [quote(1, 1, 2)]));
  engine.ingest(quoteBatch('bybit', [quote(1, 50, 60)]));
  const [second] = engine.ingest(quoteBatch('okx', [quote(2, 3, 4)]));
  expect([first?.rows[0]?.values.mid, second?.rows[0]?.values.mid]).toEqual([1.5, 3.5]);
});

test('other feeds and empty batches give nothing; an event that points at no part is counted', () => {
  const engine = featureEngine();
  const good = quoteBatch('okx', [quote(1, 1, 2)]);
  expect(engine.ingest({ ...good, feed: 'trades' })).toEqual([]);
  expect(engine.ingest(quoteBatch('okx', []))).toEqual([]);
  expect(engine.ingest({ ...good, parts: [] })).toEqual([]);
  expect(engine.tick(DAY_US)).toEqual([]);
  expect(engine.counts?.()).toEqual({ unknown_part: 1 });
});

test('a batch of 200 symbols: one row each, in the order of the parts', () => {
  const symbols = Array.from({ length: 200 }, (_, i) => `C${i}/USDT`);
  const rounds = [1, 2, 3].flatMap((round) =>
    symbols.map((symbol, i) => quote(round, i + round, i + round + 1, symbol)),
  );
  const [out] = featureEngine().ingest(quoteBatch('bybit', rounds));
  expect(out?.rows.map(({ symbol, values }) => [symbol, values.mid])).toEqual(
    symbols.map((s, i) => [s, i + 3.5]),
  );
});

test('a feature has its own state per symbol, and one without a value is absent', () => {
  const changes: Feature = {
    name: 'rises',
    input: QUOTE,
    start: () => {
      let last = Number.NaN;
      let rises = 0;
      return (columns, at) => {
        const ask = columns[at + 4] ?? Number.NaN;
        if (ask > last) rises++;
        last = ask;
        return rises === 0 ? Number.NaN : rises;
      };
    },
  };
  const engine = featureEngine([...FEATURES, changes]);
  const quotes = [quote(1, 1, 2), quote(2, 1, 2, 'ETH/USDT'), quote(3, 1, 3), quote(4, 1, 4)];
  const [out] = engine.ingest(quoteBatch('okx', quotes));
  expect(out?.rows.map(({ values }) => values.rises)).toEqual([2, undefined]);
  expect(Object.keys(out?.rows[1]?.values ?? {})).toEqual(['mid', 'spread']);
});

test('the cost of an event does not grow with history', () => {
  const engine = featureEngine();
  const readsOf = (from: number, count: number) => {
    const batch = quoteBatch(
      'okx',
      Array.from({ length: count }, (_, i) => quote(from + i / 100, 100 + i, 200 + i)),
    );
    let reads = 0;
    const columns = new Proxy(batch.columns, {
      get: (target, key) => {
        reads++;
        return Reflect.get(target, key);
      },
    });
    engine.ingest({ ...batch, columns });
    return reads;
  };
  const early = readsOf(0, 50);
  const perEvent = early / 50;
  expect(readsOf(1, 20_000)).toBe(20_000 * perEvent);
  expect(readsOf(900, 50)).toBe(early);
  expect(perEvent).toBeLessThan(12);
});

test('sums of prices print as people write them', () => {
  const spreadOf = (bid: number, ask: number) => numberText(roundTo(ask - bid, placesOf(ask)));
  expect(String(63707.26 - 63707.25)).not.toBe('0.01');
  expect(spreadOf(63707.25, 63707.26)).toBe('0.01');
  expect(spreadOf(0.00000012, 0.00000013)).toBe('0.00000001');
  expect(spreadOf(5867768, 5868001)).toBe('233');
  expect(numberText(1.5e-8)).toBe('0.000000015');
  expect(numberText(-2e-7)).toBe('-0.0000002');
  expect(numberText(0)).toBe('0');
});

test('the mid and spread of any two prices on a tick are exact to the digit', () => {
  const price = fc.record({
    places: fc.integer({ min: 0, max: 10 }),
    bid: fc.integer({ min: 1, max: 1_000_000_000 }),
    ticks: fc.integer({ min: 0, max: 100_000 }),
  });
  fc.assert(
    fc.property(price, ({ places, bid, ticks }) => {
      const decimal = (units: number) => Number(`${units}e-${places}`);
      const [out] = featureEngine().ingest(quoteBatch('okx', [quote(1, decimal(bid), decimal(bid + ticks))]));
      const halves = String((2 * bid + ticks) * 5);
      expect(out?.rows[0]?.values).toEqual({
        mid: Number(`${halves}e-${places + 1}`),
        spread: decimal(ticks),
      });
      expect(Number(numberText(decimal(ticks)))).toBe(decimal(ticks));
      expect(numberText(decimal(ticks))).not.toContain('e');
    }),
  );
});

test('latest/features.csv', () => {
  const rows = latestFeatures({
    venue: 'binance',
    rows: [
      { symbol: 'BTC/USDT', timestampUs: 1, localUs: 2, values: { mid: 63707.255, spread: 0.01 } },
      { symbol: 'PEPE/USDT', timestampUs: 3, localUs: 4, values: { spread: 1e-8 } },
    ],
  });
  expect(rows).toEqual([
    {
      file: 'latest/features.csv',
      header: 'exchange,symbol,timestamp,local_timestamp,mid,spread',
      key: '["binance","BTC/USDT"]',
      row: 'binance,BTC/USDT,1,2,63707.255,0.01\n',
    },
    expect.objectContaining({ row: 'binance,PEPE/USDT,3,4,,0.00000001\n' }),
  ]);
});

test('a symbol that is forgotten begins anew; the others go on', () => {
  const counting: Feature = {
    name: 'count',
    input: QUOTE,
    start() {
      let count = 0;
      return () => ++count;
    },
  };
  const engine = featureEngine([counting]);
  const both = () => quoteBatch('okx', [quote(1, 1, 2), quote(1, 1, 2, 'ETH/USDT')]);
  const values = () => engine.ingest(both()).flatMap(({ rows }) => rows.map((row) => row.values.count));
  expect([values(), values()]).toEqual([
    [1, 1],
    [2, 2],
  ]);
  engine.forget('binance', 'BTC/USDT');
  engine.forget('okx', 'BTC/USDT');
  expect(values()).toEqual([1, 3]);
});
