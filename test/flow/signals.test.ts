import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { timeEma } from '../../src/flow/signals/ema.ts';
import { midTrend, turn } from '../../src/flow/signals/mid-trend.ts';
import type { Direction } from '../../src/flow/signals/signal.ts';

const MINUTE_US = 60_000_000;

/** The integral itself, over every interval of history: what the recursion must equal. */
function bruteForce(quotes: readonly { us: number; value: number }[], tauUs: number): number {
  const [first] = quotes;
  const now = quotes.at(-1)?.us ?? 0;
  if (!first) return Number.NaN;
  const weight = (us: number) => Math.exp(-(now - us) / tauUs);
  let sum = first.value * weight(first.us);
  quotes.forEach(({ us, value }, i) => {
    const next = quotes[i + 1];
    if (next) sum += value * (weight(next.us) - weight(us));
  });
  return sum;
}

describe('timeEma', () => {
  test('equals the integral over all history', () => {
    const steps = fc.array(
      fc.record({
        gapUs: fc.integer({ min: 0, max: 5 * MINUTE_US }),
        value: fc.integer({ min: 1, max: 1_000_000 }),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const ema = timeEma(MINUTE_US);
        const quotes: { us: number; value: number }[] = [];
        let us = 1_000_000_000_000;
        for (const { gapUs, value } of list) {
          us += gapUs;
          quotes.push({ us, value });
          const got = ema(value, us);
          const wanted = bruteForce(quotes, MINUTE_US);
          expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-9 * wanted);
        }
      }),
    );
  });

  test('a value counts by how long it stood, not by how often it came', () => {
    const once = timeEma(MINUTE_US);
    const often = timeEma(MINUTE_US);
    once(100, 0);
    once(200, 1_000_000);
    const a = once(100, 31_000_000);
    often(100, 0);
    for (let i = 0; i <= 1000; i++) often(200, 1_000_000 + i * 30_000);
    const b = often(100, 31_000_000);
    expect(a).toBeCloseTo(200 - 100 * Math.exp(-0.5), 9);
    expect(b).toBeCloseTo(a, 9);
  });

  test('a step back of the clock counts as no time', () => {
    const ema = timeEma(MINUTE_US);
    ema(100, 1e9);
    ema(200, 1e9);
    expect(ema(300, 0)).toBe(100);
    expect(ema(300, MINUTE_US)).toBeCloseTo(300 - 200 / Math.E, 9);
  });
});

describe('mid_trend', () => {
  test('hysteresis: begins beyond 1, ends below 0.5, turns at once', () => {
    const walk = (ratios: readonly number[]) => {
      let direction: Direction = 'flat';
      return ratios.map((ratio) => {
        direction = turn(direction, ratio);
        return direction;
      });
    };
    expect(walk([0.9, 1, 1.1, 0.6, 0.5, 0.49, 0.9])).toEqual([
      'flat',
      'flat',
      'up',
      'up',
      'up',
      'flat',
      'flat',
    ]);
    expect(walk([-1, -1.1, -0.5, -0.4])).toEqual(['flat', 'down', 'down', 'flat']);
    expect(walk([2, -0.8, -2, 2])).toEqual(['up', 'flat', 'down', 'up']);
  });

  test('a mid that wavers around one threshold does not flap', () => {
    const changesOf = (ratios: readonly number[]) => {
      let direction: Direction = 'flat';
      let changes = 0;
      for (const ratio of ratios) {
        const next = turn(direction, ratio);
        if (next !== direction) changes++;
        direction = next;
      }
      return changes;
    };
    const noise = fc.array(fc.double({ min: -0.24, max: 0.24, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(noise, fc.double({ min: 0.75, max: 1.5, noNaN: true }), (offsets, level) => {
        expect(changesOf(offsets.map((offset) => level + offset))).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('value in basis points of the average, strength from the noise', () => {
    const judge = midTrend.start();
    expect(judge({ mid: 10_000, spread: 10 }, 0)).toEqual({ value: 0, direction: 'flat', strength: 0 });
    expect(judge({ mid: 10_030, spread: 10 }, 1000)).toEqual({ value: 30, direction: 'up', strength: 0.75 });
    expect(judge({ mid: 9_990, spread: 30 }, 1000)).toEqual({
      value: -10,
      direction: 'flat',
      strength: 0.25,
    });
    const later = judge({ mid: 9_990, spread: 10 }, 1000 + MINUTE_US);
    expect(later?.value).toBeCloseTo(((9990 - (9990 + 10 / Math.E)) / (9990 + 10 / Math.E)) * 1e4, 3);
  });

  test('where the spread is a tick, or locked, the noise is a basis point of the mid', () => {
    for (const spread of [0, 0.01]) {
      const judge = midTrend.start();
      judge({ mid: 60_000, spread }, 0);
      expect(judge({ mid: 60_005, spread }, 1)?.direction).toBe('flat');
      expect(judge({ mid: 60_007, spread }, 2)?.direction).toBe('up');
    }
  });

  test('strength stays within 0 and 1 and grows with the deviation', () => {
    const numbers = fc.record({
      from: fc.double({ min: 1e-8, max: 1e8, noNaN: true }),
      to: fc.double({ min: 1e-8, max: 1e8, noNaN: true }),
      spread: fc.double({ min: 0, max: 100, noNaN: true }),
    });
    fc.assert(
      fc.property(numbers, ({ from, to, spread }) => {
        const judge = midTrend.start();
        judge({ mid: from, spread }, 0);
        const strength = judge({ mid: to, spread }, 1)?.strength ?? -1;
        expect(strength).toBeGreaterThanOrEqual(0);
        expect(strength).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('after a gap of more than ten minutes it begins anew; a shorter one is a price that stood', () => {
    for (const [gapUs, direction] of [
      [10 * MINUTE_US, 'up'],
      [10 * MINUTE_US + 1, 'flat'],
    ] as const) {
      const judge = midTrend.start();
      judge({ mid: 100, spread: 1 }, 0);
      expect(judge({ mid: 150, spread: 1 }, gapUs)?.direction).toBe(direction);
    }
  });

  test('a missing feature says nothing', () => {
    expect(midTrend.start()({ mid: 1 }, 0)).toBeNull();
  });
});
