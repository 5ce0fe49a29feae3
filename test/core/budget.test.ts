import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBudget, createSlidingSum } from '../../src/core/budget.ts';

interface Taken {
  readonly atMs: number;
  readonly weight: number;
}

/** The largest sum of weights in any closed interval of `perMs`; each largest one begins with a call. */
function busiest(taken: readonly Taken[], perMs: number): number {
  return Math.max(
    0,
    ...taken.map(({ atMs }) =>
      taken.reduce((sum, one) => sum + (one.atMs >= atMs && one.atMs <= atMs + perMs ? one.weight : 0), 0),
    ),
  );
}

const window = (limit: number, perMs: number) => ({ name: 'w', limit, perMs });

describe('the pace', () => {
  it.each([
    [100, 0.9, 90],
    [300, 0.9, 270],
    [240, 0.9, 216],
    [100, 0.29, 29],
    [15, 0.9, 13.5],
    [0.5, 1, 0.5],
  ])('of %d a minute at %d aims at %d', (maxInfoRpm, share, target) => {
    const { targetRpm, spacingMs } = createBudget({ maxInfoRpm, share, windows: [] });
    expect(targetRpm).toBe(target);
    expect(spacingMs).toBeGreaterThan(60_000 / target);
    // No minute holds half a call: 13.5 is 13.
    expect(60_000 / spacingMs).toBeGreaterThan(Math.max(0.99 * target, 0) - (target % 1 === 0 ? 0 : 0.51));
  });

  it('saves nothing up: after any rest there is one call, not several', () => {
    const budget = createBudget({ maxInfoRpm: 60, share: 1, windows: [window(100, 1_000)] });
    expect(budget.paceMs(1e9)).toBe(0);
    budget.take({ window: 'w', weight: 1 }, 1e9);
    expect(budget.paceMs(1e9)).toBeCloseTo(budget.spacingMs);
    expect(budget.paceMs(1e9 + budget.spacingMs)).toBe(0);
  });
});

describe('a sliding sum', () => {
  it('equals the naive sum, and waits exactly until there is room', () => {
    const step = fc.record({ after: fc.nat({ max: 400 }), amount: fc.nat({ max: 20 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 60 }), (steps, cap) => {
        const perMs = 1_000;
        const sliding = createSlidingSum(perMs);
        const added: { atMs: number; amount: number }[] = [];
        const naive = (nowMs: number) =>
          added.reduce((sum, one) => sum + (one.atMs + perMs > nowMs ? one.amount : 0), 0);
        let nowMs = 0;
        for (const { after, amount } of steps) {
          nowMs += after;
          expect(sliding.sum(nowMs)).toBe(naive(nowMs));
          const wait = sliding.waitMs(amount, cap, nowMs);
          if (amount > cap) expect(wait).toBe(Number.POSITIVE_INFINITY);
          else {
            expect(naive(nowMs + wait) + amount).toBeLessThanOrEqual(cap);
            if (wait > 0) expect(naive(nowMs + wait - 1) + amount).toBeGreaterThan(cap);
          }
          sliding.add(amount, nowMs);
          added.push({ atMs: nowMs, amount });
        }
      }),
    );
  });
});

describe('a budget', () => {
  it('obeyed call after call never passes the pace nor a window, at any rate, weight and moment', () => {
    fc.assert(
      fc.property(
        fc.record({
          maxInfoRpm: fc.integer({ min: 1, max: 1_000 }),
          share: fc.double({ min: 0.1, max: 1, noNaN: true }),
          limit: fc.integer({ min: 20, max: 600 }),
          perMs: fc.constantFrom(2_000, 5_000, 60_000),
        }),
        fc.array(fc.record({ weight: fc.nat({ max: 60 }), rest: fc.nat({ max: 3_000 }) }), {
          maxLength: 120,
        }),
        ({ maxInfoRpm, share, limit, perMs }, calls) => {
          const budget = createBudget({ maxInfoRpm, share, windows: [window(limit, perMs)] });
          const taken: Taken[] = [];
          let nowMs = 0;
          for (const { weight, rest } of calls) {
            nowMs += rest;
            const cost = { window: 'w', weight };
            if (budget.refusal(cost) !== null) {
              expect(weight).toBeGreaterThan(share * limit - 1);
              continue;
            }
            nowMs += Math.max(budget.paceMs(nowMs), budget.windowMs(cost, nowMs));
            // Rounding may leave a rest, as it may with a timer.
            nowMs += Math.max(budget.paceMs(nowMs), budget.windowMs(cost, nowMs), 0) > 0 ? 0.001 : 0;
            expect(budget.windowMs(cost, nowMs)).toBe(0);
            budget.take(cost, nowMs);
            taken.push({ atMs: nowMs, weight });
          }
          expect(busiest(taken, perMs)).toBeLessThanOrEqual(share * limit + 1e-6);
          const counts = taken.map(({ atMs }) => ({ atMs, weight: 1 }));
          expect(busiest(counts, 60_000)).toBeLessThanOrEqual(Math.max(1, share * maxInfoRpm + 1e-6));
          taken.forEach(({ atMs }, i) => {
            const before = taken[i - 1];
            if (before)
              expect(atMs - before.atMs).toBeGreaterThanOrEqual(60_000 / (share * maxInfoRpm) - 1e-3);
          });
        },
      ),
    );
  });

  it('says why a call can never fit', () => {
    const budget = createBudget({ maxInfoRpm: 60, share: 0.9, windows: [window(100, 1_000)] });
    expect(budget.refusal({ window: 'w', weight: 90 })).toBeNull();
    expect(budget.refusal({ window: 'w', weight: 91 })).toContain('above the 90');
    expect(budget.refusal({ window: 'x', weight: 1 })).toContain('no window x');
    for (const weight of [-1, Number.NaN])
      expect(budget.refusal({ window: 'w', weight })).toContain('weight');
    expect(budget.windowMs({ window: 'w', weight: 91 }, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(budget.windowMs({ window: 'x', weight: 1 }, 0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is not made of impossible limits', () => {
    const good = { maxInfoRpm: 60, share: 0.9, windows: [] };
    for (const maxInfoRpm of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => createBudget({ ...good, maxInfoRpm })).toThrow(RangeError);
    }
    for (const share of [0, 1.1, Number.NaN])
      expect(() => createBudget({ ...good, share })).toThrow(RangeError);
    expect(() => createBudget({ ...good, windows: [window(0, 1_000)] })).toThrow(RangeError);
  });
});
