import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdRanges, type IdHole } from '../../src/core/id-ranges.ts';

const missing = (holes: readonly IdHole<unknown>[]): readonly number[] =>
  holes.flatMap(({ before, behind }) =>
    Array.from({ length: behind.id - before.id - 1 }, (_, index) => before.id + 1 + index),
  );

describe('createIdRanges', () => {
  it('knows every duplicate and every missing id, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 60 }), (ids) => {
        const ranges = createIdRanges<number>(() => undefined);
        const seen = new Set<number>();
        for (const id of ids) {
          const expected = seen.has(id) ? 'duplicate' : id > Math.max(-1, ...seen) ? 'next' : 'late';
          expect(ranges.add(id, 0)).toBe(expected);
          seen.add(id);
        }
        const [low, high] = [Math.min(...ids), Math.max(...ids)];
        const expected = Array.from({ length: high - low }, (_, index) => low + index).filter(
          (id) => !seen.has(id),
        );
        expect(missing(ranges.holes())).toEqual(expected);
      }),
    );
  });

  it('leaves the edges of a hole where they were when a part of it is filled later', () => {
    const ranges = createIdRanges<string>(() => undefined);
    ranges.add(100, '10:00');
    ranges.add(110, '10:05');
    for (const id of [101, 102, 109, 105]) expect(ranges.add(id, '10:06')).toBe('late');
    expect(ranges.holes()).toEqual([
      { before: { id: 102, at: '10:00' }, behind: { id: 105, at: '10:05' } },
      { before: { id: 105, at: '10:00' }, behind: { id: 109, at: '10:05' } },
    ]);
    for (const id of [103, 104, 106, 107, 108]) ranges.add(id, '10:07');
    expect(ranges.holes()).toEqual([]);
    expect(ranges.add(105, '10:08')).toBe('duplicate');
  });

  it('holds a bounded number of ranges, and gives up the oldest holes first', () => {
    const given: IdHole<number>[] = [];
    const ranges = createIdRanges<number>((hole) => given.push(hole), 10);
    const ids = Array.from({ length: 1_000 }, (_, index) => index * 2);
    for (const id of ids) ranges.add(id, id);
    expect(ranges.holes().length).toBeLessThan(10);
    expect(missing([...given, ...ranges.holes()])).toEqual(ids.slice(0, -1).map((id) => id + 1));
    expect(ranges.add(7, 0)).toBe('unknown');
    expect(ranges.add(8, 0)).toBe('unknown');
    expect(ranges.add(1_998, 0)).toBe('duplicate');
    expect(ranges.add(1_997, 0)).toBe('late');
  });
});
