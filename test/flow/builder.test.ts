import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FeatureBatch, FeatureValues } from '../../src/flow/features/feature.ts';
import { signalBuilder } from '../../src/flow/signals/builder.ts';
import type { SignalRow, SignalRule } from '../../src/flow/signals/signal.ts';
import { collectGarbage } from '../support/garbage.ts';
import { CUTS, DAY_US, QUOTES, recorded } from './quotes.ts';

const at = (seconds: number) => DAY_US + Math.round(seconds * 1e6);

function feature(seconds: number, mid: number, venue = 'okx', symbol = 'BTC/USDT'): FeatureBatch {
  const localUs = at(seconds);
  return { venue, rows: [{ symbol, timestampUs: localUs, localUs, values: { mid, spread: 1 } }] };
}

const seconds = (rows: readonly SignalRow[]) => rows.map((row) => (row.timestampUs - DAY_US) / 1e6);

function run(batches: readonly FeatureBatch[], endSeconds: number) {
  const builder = signalBuilder();
  const rows = batches.flatMap((batch) => builder.ingest(batch)).flatMap((batch) => batch.rows);
  rows.push(...builder.tick(at(endSeconds)).flatMap((batch) => batch.rows));
  return { rows, counts: builder.counts?.() };
}

test('the whole row', () => {
  const { rows } = run([feature(0.25, 100), feature(1.5, 103)], 4);
  expect(rows).toEqual([
    {
      timestampUs: at(0.25),
      pair: 'BTC/USDT',
      signal: 'mid_trend',
      value: 0,
      direction: 'flat',
      strength: 0,
      features: { mid: 100, spread: 1 },
      exchange: 'okx',
    },
    expect.objectContaining({ timestampUs: at(1.5), value: 300, direction: 'up', strength: 0.75 }),
  ]);
});

test('the newest row of a second is judged, once the second and a second of grace are over', () => {
  const builder = signalBuilder();
  for (const [when, mid] of [
    [0.1, 100],
    [0.2, 150],
    [0.9, 100],
  ] as const) {
    expect(builder.ingest(feature(when, mid))).toEqual([]);
  }
  expect(builder.tick(at(1.999999))).toEqual([]);
  expect(builder.tick(at(2))[0]?.rows).toMatchObject([{ timestampUs: at(0.9), direction: 'flat' }]);
});

test('steady quotes: rows at most a minute apart', () => {
  const quotes = Array.from({ length: 3000 }, (_, i) => feature(i * 0.1 + 0.03, 100));
  const { rows } = run(quotes, 310);
  const times = seconds(rows);
  expect(times).toHaveLength(6);
  times.forEach((time, i) => {
    if (i > 0) expect(time - (times[i - 1] ?? 0)).toBeLessThanOrEqual(60);
  });
});

test('rows are more than a minute apart only where the quotes are', () => {
  const gaps = fc.array(fc.integer({ min: 1000, max: 90_000_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(gaps, (list) => {
      let us = 500_000;
      const quotes = [feature(us / 1e6, 100)];
      for (const gap of list) {
        us += gap;
        quotes.push(feature(us / 1e6, 100));
      }
      const { rows } = run(quotes, us / 1e6 + 200);
      const times = rows.map((row) => row.timestampUs);
      const quoted = quotes.map((batch) => batch.rows[0]?.localUs ?? 0);
      expect(times.at(-1)).toBe(quoted.at(-1));
      times.forEach((time, i) => {
        const before = times[i - 1];
        if (before === undefined || time - before <= 60_000_000) return;
        expect(quoted.filter((one) => one > before && one <= before + 58_000_000)).toEqual([]);
      });
      expect(new Set(times).size).toBe(times.length);
    }),
  );
});

test('ticks stop mattering a minute after the last data', () => {
  const builder = signalBuilder();
  builder.ingest(feature(0.5, 100));
  builder.ingest(feature(10.5, 100));
  const given: [number, number[]][] = [];
  for (let now = 11; now < 7200; now++) {
    for (const batch of builder.tick(at(now))) given.push([now, seconds(batch.rows)]);
  }
  expect(given).toEqual([[61, [10.5]]]);
});

test('a day without data passes in one tick', () => {
  let judged = 0;
  const rule: SignalRule = {
    name: 'count',
    features: ['mid'],
    start: () => () => {
      judged++;
      return { value: 0, direction: 'flat', strength: 0 };
    },
  };
  const builder = signalBuilder([rule]);
  builder.ingest(feature(0.5, 100));
  expect(builder.tick(at(365 * 86_400)).flatMap((batch) => seconds(batch.rows))).toEqual([0.5]);
  expect(judged).toBe(1);
});

test('a row that another venue overtook by more than the grace is left out and counted', () => {
  const late = run([feature(10.5, 100), feature(14, 100, 'bybit'), feature(10.7, 200)], 20);
  expect(seconds(late.rows)).toEqual([10.5, 14]);
  expect(late.counts).toEqual({ late_rows: 1, clock_steps: 0 });
});

test('two hundred symbols of two venues: in order of seconds, venues and symbols', () => {
  const symbols = Array.from({ length: 200 }, (_, i) => `C${String(i).padStart(3, '0')}/USDT`);
  const row = (symbol: string) => ({
    symbol,
    timestampUs: at(1),
    localUs: at(1),
    values: { mid: 5, spread: 1 },
  });
  const rows = [...symbols].reverse().map(row);
  const { rows: out } = run(
    [
      { venue: 'okx', rows },
      { venue: 'bybit', rows },
    ],
    3,
  );
  expect(out.map((one) => `${one.exchange} ${one.pair}`)).toEqual([
    ...symbols.map((symbol) => `bybit ${symbol}`),
    ...symbols.map((symbol) => `okx ${symbol}`),
  ]);
});

test('the cost of a batch does not grow with history', () => {
  const builder = signalBuilder();
  let reads = 0;
  const counted = (mid: number): FeatureValues =>
    new Proxy(
      { mid, spread: 1 },
      {
        get: (target, key) => {
          reads++;
          return Reflect.get(target, key);
        },
      },
    );
  const readsOver = (from: number, count: number) => {
    reads = 0;
    for (let i = 0; i < count; i++) {
      const localUs = at(from + i);
      const row = { symbol: 'BTC/USDT', timestampUs: localUs, localUs, values: counted(100) };
      builder.ingest({ venue: 'okx', rows: [row] });
    }
    return reads;
  };
  readsOver(0, 100);
  const early = readsOver(100, 100);
  readsOver(200, 20_000);
  expect(readsOver(20_200, 100)).toBe(early);
  expect(early).toBe(200);
});

test('wherever batches end and whenever ticks come, the files are the same bytes', () => {
  fc.assert(
    fc.property(QUOTES, CUTS, CUTS, (list, left, right) => {
      let us = DAY_US;
      const quotes = list.map(({ gapUs, venue, symbol, bid }) => {
        us += gapUs;
        return { venue, atUs: us, quote: { symbol, localUs: us, bid, ask: bid + 1 } };
      });
      const one = recorded(quotes, left);
      expect(one.counts).toEqual({ late_rows: 0, clock_steps: 0 });
      expect(recorded(quotes, right)).toEqual(one);
    }),
    { numRuns: 300 },
  );
});

test('a symbol that is forgotten gives what it has left, in its time and order, whenever it is forgotten', () => {
  const script = (forgetAt: number | null) => {
    const builder = signalBuilder();
    const rows: SignalRow[] = [];
    const take = (batches: ReturnType<typeof builder.tick>) =>
      rows.push(...batches.flatMap((one) => one.rows));
    // Steady, and a last quote that is not due before the minute is over.
    for (let second = 0; second <= 5; second++) {
      for (const venue of ['binance', 'okx']) take(builder.ingest(feature(second + 0.5, 100, venue)));
      take(builder.tick(at(second + 0.9)));
    }
    for (let second = 6; second <= 80; second++) {
      if (second === forgetAt) builder.forget('okx', 'BTC/USDT');
      take(builder.ingest(feature(second + 0.5, 100, 'binance')));
      take(builder.tick(at(second + 0.9)));
    }
    return rows.map((row) => `${row.exchange} ${(row.timestampUs - DAY_US) / 1e6}`);
  };
  const without = script(null);
  expect(without).toContain('okx 5.5');
  for (const forgetAt of [6, 7, 8, 30, 61, 70]) expect(script(forgetAt)).toEqual(without);
});

test('one that comes again begins anew, also while its last rows are not given', () => {
  const builder = signalBuilder();
  const rows = [feature(0.5, 100), feature(1.5, 100), feature(2.5, 100)].flatMap((one) =>
    builder.ingest(one),
  );
  builder.forget('okx', 'BTC/USDT');
  builder.forget('okx', 'BTC/USDT');
  builder.forget('okx', 'unknown');
  rows.push(...builder.ingest(feature(4.5, 200)), ...builder.tick(Number.POSITIVE_INFINITY));
  expect(rows.flatMap((one) => one.rows).map((row) => [(row.timestampUs - DAY_US) / 1e6, row.value])).toEqual(
    [
      [0.5, 0],
      [2.5, 0],
      // Against its own mean, not the one of before.
      [4.5, 0],
    ],
  );
});

test('nothing of it is kept when it has given its last row', async () => {
  const judges: WeakRef<object>[] = [];
  const rule: SignalRule = {
    name: 'always_up',
    features: ['mid'],
    start() {
      const judge = () => ({ value: 1, direction: 'up', strength: 1 }) as const;
      judges.push(new WeakRef(judge));
      return judge;
    },
  };
  const builder = signalBuilder([rule]);
  builder.ingest(feature(0.5, 100));
  builder.forget('okx', 'BTC/USDT');
  builder.ingest(feature(0.6, 100, 'binance'));
  builder.tick(at(10));
  await collectGarbage();
  expect(judges.map((judge) => judge.deref() !== undefined)).toEqual([false, true]);
  expect(builder.tick(at(20))).toEqual([]);
});
