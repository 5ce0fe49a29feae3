import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWindow } from '../../src/runtime/window.ts';

describe('window', () => {
  test('holds a count for its seconds and no longer', () => {
    const window = createWindow(60);
    window.add(5, 1_500);
    expect(window.sum(1_999)).toBe(5);
    expect(window.sum(60_999)).toBe(5);
    expect(window.sum(61_000)).toBe(0);
  });

  test('a bucket that comes round again begins with nothing', () => {
    const window = createWindow(60);
    window.add(5, 0);
    window.add(7, 60_000);
    expect(window.sum(60_000)).toBe(7);
  });

  test('gives what a plain list of the newest seconds gives', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 4_000 })));
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 8 }), (list, seconds) => {
        const window = createWindow(seconds);
        const all: { readonly second: number; readonly count: number }[] = [];
        let now = 0;
        for (const [count, ms] of list) {
          now += ms;
          window.add(count, now);
          all.push({ second: Math.floor(now / 1000), count });
          const first = Math.floor(now / 1000) - seconds + 1;
          const want = all.reduce((sum, one) => sum + (one.second >= first ? one.count : 0), 0);
          expect(window.sum(now)).toBe(want);
        }
      }),
    );
  });
});
