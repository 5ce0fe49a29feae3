import { expect, test } from 'vitest';
import { keepHeapSmall, ownHeap } from '../../src/runtime/heap.ts';
import { manualClock } from '../support/clock.ts';

const MB = 1_000_000;

test('garbage is collected when there is enough of it, by what was kept the last time', () => {
  const clock = manualClock();
  let [live, garbage, collections] = [10 * MB, 2 * MB, 0];
  const stop = keepHeapSmall(clock, {
    usedBytes: () => live + garbage,
    collect() {
      collections += 1;
      garbage = 0;
    },
  });
  const after = (bytes: number): number => {
    garbage += bytes;
    clock.advance(5_000);
    return collections;
  };
  // What loading left, whatever it is.
  expect(after(0)).toBe(1);
  expect([after(2 * MB), after(0.9 * MB)]).toEqual([1, 1]);
  expect(after(0.2 * MB)).toBe(2);
  // Of a larger one a part, so that it is not collected all the time; a large one is left alone.
  live = 20 * MB;
  expect(after(0)).toBe(3);
  expect([after(5 * MB), after(0.9 * MB), after(0.2 * MB)]).toEqual([3, 3, 4]);
  live = 100 * MB;
  expect(after(50 * MB)).toBe(4);
  live = 10 * MB;
  garbage = 0;
  stop();
  expect(after(500 * MB)).toBe(4);
});

test('the heap of this thread', () => {
  const heap = ownHeap();
  let waste: unknown[] | null = Array.from({ length: 200_000 }, (_, at) => ({ at }));
  const before = heap.usedBytes();
  expect(waste.length).toBe(200_000);
  waste = null;
  heap.collect();
  expect(before - heap.usedBytes()).toBeGreaterThan(4 * MB);
});
