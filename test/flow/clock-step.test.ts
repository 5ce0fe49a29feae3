/** The wall clock is set while the signal builder runs. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FeatureBatch } from '../../src/flow/features/feature.ts';
import { signalBuilder } from '../../src/flow/signals/builder.ts';
import type { SignalBatch, SignalRule } from '../../src/flow/signals/signal.ts';
import { CUTS, DAY_US, QUOTES, recorded } from './quotes.ts';

const at = (seconds: number) => DAY_US + Math.round(seconds * 1e6);

function feature(seconds: number, venue = 'okx', mid = 100): FeatureBatch {
  const localUs = at(seconds);
  return { venue, rows: [{ symbol: 'BTC/USDT', timestampUs: localUs, localUs, values: { mid, spread: 1 } }] };
}

const seconds = (batches: readonly SignalBatch[]) =>
  batches.flatMap((batch) => batch.rows.map((row) => (row.timestampUs - DAY_US) / 1e6));

/** Gives every row that it judges. */
const EVERY_ROW: SignalRule = {
  name: 'every',
  features: ['mid'],
  start() {
    let up = false;
    return () => {
      up = !up;
      return { value: 0, direction: up ? 'up' : 'down', strength: 0 };
    };
  },
};

const STEPS = fc.oneof(
  fc.integer({ min: -90, max: 90 }),
  fc.integer({ min: -10_800, max: 10_800 }),
  fc.constantFrom(-7200, 3600),
);

describe('a clock that is set back', () => {
  test('what was open is judged and given, and seconds begin anew', () => {
    const builder = signalBuilder();
    const given = [3600, 3602.5, 0.5, 1.5].map((when) => seconds(builder.ingest(feature(when))));
    expect(given).toEqual([[], [3600], [3602.5], []]);
    expect(seconds(builder.tick(at(70)))).toEqual([0.5, 1.5]);
    expect(builder.counts?.()).toEqual({ late_rows: 0, clock_steps: 1 });
  });

  test('is known by the order of one symbol, however little another venue is behind', () => {
    const builder = signalBuilder();
    const rows = [feature(100), feature(101, 'bybit'), feature(71), feature(71.1, 'bybit'), feature(74)];
    expect(rows.flatMap((batch) => seconds(builder.ingest(batch)))).toEqual([100, 101, 71.1, 71]);
    expect(builder.counts?.()).toEqual({ late_rows: 0, clock_steps: 1 });
  });

  test('rows that were under way are left out, and do not set it forward again', () => {
    const builder = signalBuilder();
    for (const batch of [feature(100.2, 'bybit'), feature(100.5), feature(70)]) builder.ingest(batch);
    for (const when of [100.4, 100.9]) builder.ingest(feature(when, 'bybit'));
    expect(builder.counts?.()).toEqual({ late_rows: 2, clock_steps: 1 });
    expect(seconds(builder.ingest(feature(71)))).toEqual([]);
    expect(seconds(builder.ingest(feature(72)))).toEqual([70]);
    expect(builder.counts?.()).toEqual({ late_rows: 2, clock_steps: 1 });
  });

  test('by less than the grace: rows stay in order of seconds, and none waits for ever', () => {
    const builder = signalBuilder([EVERY_ROW]);
    const rows = [10.2, 11.1, 10.6, 11.4, 12.4, 13.4, 14.4].flatMap((when) =>
      seconds(builder.ingest(feature(when))),
    );
    expect(rows).toEqual([10.6, 11.4, 12.4]);
    expect(builder.counts?.()).toEqual({ late_rows: 0, clock_steps: 0 });
  });

  test('and seen by nobody but a symbol that was silent: found by being far behind', () => {
    const builder = signalBuilder();
    builder.ingest(feature(5, 'okx'));
    builder.ingest(feature(7200, 'bybit'));
    expect(seconds(builder.ingest(feature(100, 'okx')))).toEqual([7200]);
    expect(builder.counts?.()).toEqual({ late_rows: 0, clock_steps: 1 });
  });

  test('a moment after it was set forward: the ticks of that moment silence nothing', () => {
    const builder = signalBuilder([EVERY_ROW]);
    builder.ingest(feature(0));
    builder.tick(at(3600.1));
    const given: number[] = [];
    for (let when = 0.2; when < 10; when += 0.2) {
      given.push(...seconds(builder.ingest(feature(when))), ...seconds(builder.tick(at(when))));
    }
    expect(given.length).toBeGreaterThanOrEqual(7);
  });
});

test('a step of a year passes at once', () => {
  const builder = signalBuilder();
  const tracks = ['binance', 'bybit', 'okx'];
  for (const venue of tracks) builder.ingest(feature(0, venue));
  const before = performance.now();
  for (const venue of tracks) builder.ingest(feature(365 * 86_400, venue));
  expect(performance.now() - before).toBeLessThan(250);
});

test('whatever the step, no symbol that is quoted is silent for more than five seconds', () => {
  const delays = fc.array(fc.nat(300_000), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(STEPS, STEPS, delays, (first, second, delayOf) => {
      const builder = signalBuilder([EVERY_ROW]);
      const clockUs = (trueUs: number) =>
        trueUs + (trueUs >= 20e6 ? first * 1e6 : 0) + (trueUs >= 50e6 ? second * 1e6 : 0);
      /** What is still under way keeps its order within a venue. */
      const deliveries: { us: number; run: () => readonly SignalBatch[] }[] = [];
      ['binance', 'bybit', 'okx'].forEach((venue, index) => {
        let previousUs = 0;
        for (let us = index * 70_000; us < 80e6; us += 250_000) {
          previousUs = Math.max(previousUs, us + (delayOf[((us / 250_000 + index) % 8) | 0] ?? 0));
          const batch = feature(clockUs(us) / 1e6, venue);
          deliveries.push({ us: previousUs, run: () => builder.ingest(batch) });
        }
      });
      for (let us = 0; us < 80e6; us += 1e6)
        deliveries.push({ us, run: () => builder.tick(DAY_US + clockUs(us)) });
      deliveries.sort((a, b) => a.us - b.us);
      const lastUs = new Map<string, number>();
      for (const { us, run } of deliveries) {
        for (const row of run().flatMap((batch) => batch.rows)) {
          expect(us - (lastUs.get(row.exchange) ?? 0)).toBeLessThanOrEqual(5e6);
          lastUs.set(row.exchange, us);
        }
      }
      for (const us of lastUs.values()) expect(us).toBeGreaterThan(75e6);
      expect(lastUs.size).toBe(3);
    }),
    { numRuns: 300 },
  );
});

test('whatever the steps, wherever batches end and whenever ticks come, the files are the same bytes', () => {
  const stepAt = fc.array(fc.tuple(fc.nat(9_999), STEPS), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(QUOTES, stepAt, CUTS, CUTS, (list, steps, left, right) => {
      let us = DAY_US;
      let offsetUs = 0;
      const quotes = list.map(({ gapUs, venue, symbol, bid }, index) => {
        us += gapUs;
        for (const [place, step] of steps) {
          if (place % list.length !== index) continue;
          // Nothing is under way at that moment: what is, is left out and counted.
          us += 500_000;
          offsetUs += step * 1e6;
        }
        return { venue, atUs: us, quote: { symbol, localUs: us + offsetUs, bid, ask: bid + 1 } };
      });
      const one = recorded(quotes, left);
      const other = recorded(quotes, right);
      fc.pre(one.counts?.late_rows === 0 && other.counts?.late_rows === 0);
      expect(other).toEqual(one);
    }),
    { numRuns: 500 },
  );
});
