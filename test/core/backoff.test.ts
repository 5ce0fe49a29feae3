import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from '../../src/core/backoff.ts';

const limits = { baseMs: 500, capMs: 30_000 };

it('doubles its bound with each attempt, up to the cap', () => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(attempt, limits, () => 1));
  expect(bounds).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

it('jitters over the whole of it', () => {
  expect([0, 0.25, 0.5].map((random) => backoffMs(3, limits, () => random))).toEqual([0, 1_000, 2_000]);
});

it('stays a number where the power does not: a base of nothing after thousands of attempts', () => {
  expect(backoffMs(5_000, { baseMs: 0, capMs: 10 }, () => 0.5)).toBe(0);
  expect(backoffMs(5_000, limits, () => 0.5)).toBe(15_000);
});

it('is a wait within the cap after any number of attempts', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.nat(), fc.constant(Number.MAX_VALUE), fc.integer({ max: 0 })),
      fc.record({ baseMs: fc.nat(), capMs: fc.nat() }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, anyLimits, random) => {
        const wait = backoffMs(attempt, anyLimits, () => random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(anyLimits.capMs);
      },
    ),
  );
});
