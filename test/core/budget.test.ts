import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBudget } from '../../src/core/budget.ts';

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
    const budget = createBudget({ maxInfoRpm, share, windows: [] });
    const spacingMs = budget.spacingMs(0);
    expect(budget.targetRpm(0)).toBe(target);
    expect(spacingMs).toBeGreaterThan(60_000 / target);
    // No minute holds half a call: 13.5 is 13.
    expect(60_000 / spacingMs).toBeGreaterThan(Math.max(0.99 * target, 0) - (target % 1 === 0 ? 0 : 0.51));
  });

  it('saves nothing up: after any rest there is one call, not several', () => {
    const budget = createBudget({ maxInfoRpm: 60, share: 1, windows: [window(100, 1_000)] });
    expect(budget.paceMs(1e9)).toBe(0);
    budget.take({ window: 'w', weight: 1 }, 1e9);
    expect(budget.paceMs(1e9)).toBeCloseTo(budget.spacingMs(1e9));
    expect(budget.paceMs(1e9 + budget.spacingMs(1e9))).toBe(0);
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

describe('a permit that comes back', () => {
  it('leaves the pace and the window as if it had not been given, unless another came after', () => {
    const budget = createBudget({ maxInfoRpm: 60, share: 1, windows: [window(10, 60_000)] });
    const cost = { window: 'w', weight: 6 };
    budget.take(cost, 0);
    budget.giveBack(cost, 0);
    expect([budget.paceMs(0), budget.windowMs(cost, 0)]).toEqual([0, 0]);
    budget.take(cost, 0);
    budget.take({ window: 'w', weight: 4 }, 1_001);
    budget.giveBack(cost, 0);
    expect(budget.paceMs(1_001)).toBeCloseTo(1_001);
    expect(budget.windowMs(cost, 2_100)).toBe(0);
    expect(budget.windowMs({ window: 'w', weight: 7 }, 2_100)).toBeGreaterThan(0);
  });
});

describe('what the venue counts', () => {
  const make = () => createBudget({ maxInfoRpm: 6_000, share: 0.9, windows: [window(1_000, 60_000)] });
  const call = (weight: number) => ({ window: 'w', weight });

  it('above our own count is not ours to use, until its window turns', () => {
    const budget = make();
    budget.take(call(100), 10_000);
    // Others used 600 of the minute that ends at 60,000.
    budget.told('w', 700, 10_000, 60_000, 10_050);
    expect(budget.uses(10_050)).toEqual({ w: { used: 700, cap: 900 } });
    expect(budget.windowMs(call(200), 10_050)).toBe(0);
    expect(budget.windowMs(call(201), 10_050)).toBe(49_950);
    budget.take(call(150), 10_100);
    expect(budget.windowMs(call(50), 10_200)).toBe(0);
    expect(budget.windowMs(call(51), 10_200)).toBe(49_800);
    // The others' are forgotten; ours of the last minute are not.
    expect(budget.uses(60_000)).toEqual({ w: { used: 250, cap: 900 } });
    expect(budget.windowMs(call(650), 60_000)).toBe(0);
    expect(budget.windowMs(call(651), 60_000)).toBeGreaterThan(0);
  });

  it('counts what went out after the call that brought it, whatever the order of the answers', () => {
    const budget = make();
    for (const [at, weight] of [
      [0, 10],
      [100, 20],
      [200, 30],
    ] as const) {
      budget.take(call(weight), at);
    }
    budget.told('w', 530, 100, 60_000, 300);
    expect(budget.uses(300).w?.used).toBe(560);
    // An answer that was overtaken, its turn guessed a little otherwise.
    budget.told('w', 510, 0, 60_400, 310);
    expect(budget.uses(310).w?.used).toBe(560);
    budget.told('w', 700, 200, 60_000, 320);
    expect(budget.uses(320).w?.used).toBe(700);
    // Of the window before: too late to say anything.
    budget.told('w', 890, 200, 0, 330);
    expect(budget.uses(330).w?.used).toBe(700);
    // A new window begins from what it says.
    budget.told('w', 40, 61_000, 120_000, 61_050);
    expect(budget.uses(61_050).w?.used).toBe(40);
  });

  it('with other programs at work: what was seen of theirs and ours together is within the cap', () => {
    const step = fc.record({
      rest: fc.nat({ max: 3_000 }),
      theirs: fc.nat({ max: 80 }),
      ours: fc.nat({ max: 80 }),
      awayMs: fc.nat({ max: 200 }),
    });
    let taken = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), (steps) => {
        const budget = make();
        let nowMs = 0;
        /** The venue's own count, begun anew each minute. */
        let [minute, counted] = [0, 0];
        const pass = (ms: number): void => {
          nowMs += ms;
          if (Math.floor(nowMs / 60_000) !== minute) [minute, counted] = [Math.floor(nowMs / 60_000), 0];
        };
        for (const { rest, theirs, ours, awayMs } of steps) {
          pass(Math.max(rest, 20));
          counted += theirs;
          const sentMs = nowMs;
          budget.take(call(0), nowMs);
          const seen = { counted, turnsMs: (minute + 1) * 60_000 };
          pass(awayMs);
          budget.told('w', seen.counted, sentMs, seen.turnsMs, nowMs);
          pass(budget.paceMs(nowMs));
          if (budget.windowMs(call(ours), nowMs) > 0) continue;
          budget.take(call(ours), nowMs);
          counted += ours;
          taken += 1;
          if (ours > 0) expect(counted).toBeLessThanOrEqual(900);
        }
      }),
    );
    expect(taken).toBeGreaterThan(1_000);
  });
});

describe('lowered limits', () => {
  it('hold for their time: pace, target and windows', () => {
    const budget = createBudget({ maxInfoRpm: 100, share: 0.9, windows: [window(500, 300_000)] });
    budget.lower(0.5, 600_000);
    expect([budget.targetRpm(0), budget.loweredMs(0)]).toEqual([45, 600_000]);
    expect(budget.spacingMs(0)).toBeCloseTo((60_000 / 45) * 1.001);
    expect(budget.uses(0)).toEqual({ w: { used: 0, cap: 225 } });
    budget.take({ window: 'w', weight: 225 }, 0);
    expect(budget.windowMs({ window: 'w', weight: 1 }, 1_000)).toBeGreaterThan(0);
    // A call that fits no lowered window waits for their end, not for ever.
    expect(budget.windowMs({ window: 'w', weight: 300 }, 500_000)).toBe(100_000);
    expect([budget.targetRpm(600_000), budget.loweredMs(600_000)]).toEqual([90, 0]);
    expect(budget.windowMs({ window: 'w', weight: 300 }, 600_000)).toBe(0);
  });
});

describe('other numbers while it runs', () => {
  const wide = { maxInfoRpm: 6_000, share: 1 };

  it('hold at once, and what was taken still counts', () => {
    const budget = createBudget({ ...wide, windows: [window(10, 60_000)] });
    budget.take({ window: 'w', weight: 6 }, 0);
    budget.told('w', 7, 0, 30_000, 1);
    budget.adjust({ maxInfoRpm: 60, share: 1, windows: [window(8, 60_000)] });
    expect(budget.paceMs(0)).toBeCloseTo(1_001);
    expect(budget.uses(1)).toEqual({ w: { used: 7, cap: 8 } });
    expect(budget.windowMs({ window: 'w', weight: 2 }, 1)).toBe(29_999);
    expect(budget.windowMs({ window: 'w', weight: 2 }, 30_000)).toBe(0);
    expect(budget.windowMs({ window: 'w', weight: 3 }, 30_000)).toBeCloseTo(30_060);
    expect(budget.refusal({ window: 'w', weight: 9 })).toMatch(/above the 8/);
  });

  it('of a window with another span: what it spans still counts', () => {
    const budget = createBudget({ ...wide, windows: [window(10, 60_000)] });
    budget.take({ window: 'w', weight: 6 }, 0);
    budget.take({ window: 'w', weight: 3 }, 20_000);
    budget.adjust({ ...wide, windows: [window(10, 10_000)] });
    expect(budget.uses(25_000)).toEqual({ w: { used: 3, cap: 10 } });
  });

  it('that are out of range change nothing', () => {
    const budget = createBudget({ ...wide, windows: [window(10, 60_000)] });
    expect(() => budget.adjust({ maxInfoRpm: 60, share: 0, windows: [window(5, 60_000)] })).toThrow(
      RangeError,
    );
    expect([budget.targetRpm(0), budget.uses(0)]).toEqual([6_000, { w: { used: 0, cap: 10 } }]);
  });
});
