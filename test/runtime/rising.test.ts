import { expect, test } from 'vitest';
import { createRising } from '../../src/runtime/rising.ts';
import { manualClock } from '../support/clock.ts';

test('a count is rising for a minute after it grew, each key by itself', () => {
  const clock = manualClock();
  const rising = createRising(clock);
  // Each is asked for at each look.
  const look = (a: number, b: number) => {
    const is = [rising.is('a', a), rising.is('b', b)];
    rising.looked();
    return is;
  };
  expect(look(0, 3)).toEqual([false, true]);
  clock.advance(59_000);
  expect(look(1, 3)).toEqual([true, true]);
  clock.advance(2_000);
  expect(look(1, 3)).toEqual([true, false]);
  clock.advance(59_000);
  // A thread that begins anew begins to count anew: that is no growth.
  expect(look(1, 0)).toEqual([false, false]);
  expect(look(1, 1)).toEqual([false, true]);
});

test('what a look does not ask for is forgotten, and nothing else, however long the look was ago', () => {
  const clock = manualClock();
  const rising = createRising(clock);
  rising.is('stays', 3);
  rising.is('goes', 3);
  rising.looked();
  clock.advance(86_400_000);
  expect(rising.is('stays', 3)).toBe(false);
  rising.looked();
  expect([rising.is('stays', 3), rising.is('goes', 3)]).toEqual([false, true]);
});
