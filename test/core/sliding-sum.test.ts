import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSlidingSum } from '../../src/core/sliding-sum.ts';

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

  it('takes back one amount, tells what came later, and what it is made of', () => {
    const sliding = createSlidingSum(1_000);
    for (const atMs of [0, 300, 600]) sliding.add(5, atMs);
    sliding.remove(5, 300);
    sliding.remove(5, 301);
    sliding.remove(6, 600);
    expect(sliding.sum(700)).toBe(10);
    expect([sliding.sumAfter(0, 700), sliding.sumAfter(-1, 700)]).toEqual([5, 10]);
    expect(sliding.entries(700)).toEqual([
      { atMs: 0, amount: 5 },
      { atMs: 600, amount: 5 },
    ]);
    expect(sliding.entries(1_000)).toEqual([{ atMs: 600, amount: 5 }]);
    expect([sliding.sumAfter(-1, 1_600), sliding.entries(1_600)]).toEqual([0, []]);
  });
});
