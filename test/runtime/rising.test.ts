import { expect, test } from 'vitest';
import { createRising } from '../../src/runtime/rising.ts';
import { manualClock } from '../support/clock.ts';

test('a count is rising for a minute after it grew, each key by itself', () => {
  const clock = manualClock();
  const isRising = createRising(clock);
  expect([isRising('a', 0), isRising('b', 3)]).toEqual([false, true]);
  clock.advance(59_000);
  expect([isRising('a', 1), isRising('b', 3)]).toEqual([true, true]);
  clock.advance(2_000);
  expect([isRising('a', 1), isRising('b', 3)]).toEqual([true, false]);
  clock.advance(59_000);
  // A thread that begins anew begins to count anew: that is no growth.
  expect([isRising('a', 1), isRising('b', 0)]).toEqual([false, false]);
  expect(isRising('b', 1)).toBe(true);
});
