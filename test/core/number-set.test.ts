import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createNumberSet } from '../../src/core/number-set.ts';

const TOP = 60;
const numbers = (low: number, high: number) => Array.from({ length: high - low + 1 }, (_, at) => low + at);
const span = fc
  .tuple(fc.integer({ min: 0, max: TOP }), fc.integer({ min: 0, max: 12 }))
  .map(([low, more]) => [low, Math.min(TOP, low + more)] as const);

test('has what was added and nothing else, in whatever order, in as few ranges as there are', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          span,
          span.map(([low]) => [low, low] as const),
        ),
        { maxLength: 40 },
      ),
      (spans) => {
        const set = createNumberSet();
        const plain = new Set<number>();
        for (const [low, high] of spans) {
          set.add(low, high);
          for (const one of numbers(low, high)) plain.add(one);
          expect(numbers(-1, TOP + 1).filter(set.has)).toEqual([...plain].sort((a, b) => a - b));
          expect(set.size()).toBe([...plain].filter((one) => !plain.has(one - 1)).length);
        }
      },
    ),
  );
});

test('a million in order are one range, and a million at once are', () => {
  const set = createNumberSet();
  for (let at = 3_000_000_000; at < 3_001_000_000; at++) set.add(at, at);
  set.add(1, 1_000_000);
  expect(set.size()).toBe(2);
  expect([0, 1, 1_000_000, 1_000_001, 3_000_000_000, 3_000_999_999, 3_001_000_000].map(set.has)).toEqual([
    ...[false, true, true, false],
    ...[true, true, false],
  ]);
});
