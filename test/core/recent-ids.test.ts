import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRecentIds } from '../../src/core/recent-ids.ts';

const texts = (count: number, from = 0, step = 1): readonly string[] =>
  Array.from({ length: count }, (_, at) => String(from + at * step));
const names = (count: number, from = 0): readonly string[] => texts(count, from).map((one) => `id-${one}`);

describe('recent ids', () => {
  /** In few values, so that they repeat, follow one another and leave holes. */
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }).map(String) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }).map((one) => `b7${one}-e`) },
    { weight: 1, arbitrary: fc.constantFrom('07', '7', '007', '', '-7', '7.0', ' 7', '٧') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...['9007199254740993', '9007199254740992', '999999999999999', '1000000000000000'],
      ),
    },
  );
  const step = fc.record({ id, more: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }) });

  test('the newest are known, as a plain set of all knows them; none that was not seen is', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (steps, limit, later) => {
          const ids = createRecentIds(limit);
          /** By when each was taken for new, newest last. */
          const turns = new Map<string, number>();
          let turn = 0;
          steps.forEach(({ id: one, more }, at) => {
            if (at === 100) ids.keep(later);
            const first =
              more !== undefined && /^\d{1,2}$/.test(one)
                ? String(Math.max(0, Number(one) - more))
                : undefined;
            const seen = turns.get(one);
            const was = ids.has(one);
            const isNew = ids.add(one, first);
            expect(isNew).toBe(!was);
            expect(ids.has(one)).toBe(true);
            if (seen === undefined) expect(isNew).toBe(true);
            else if (turn - seen < Math.min(limit, later)) expect(isNew).toBe(false);
            if (!isNew) return;
            turn += 1;
            const spanned =
              first === undefined || String(Number(one)) !== one
                ? [one]
                : texts(Number(one) - Number(first) + 1, Number(first));
            for (const known of [one, ...spanned]) turns.set(known, turn);
          });
          for (const [one, at] of turns)
            if (turn - at < Math.min(limit, later)) expect(ids.has(one)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('those that count up are never forgotten, in whatever order they came', () => {
    const ids = createRecentIds(100);
    const all = texts(10_000, 3_000_000_000);
    const turned = all.flatMap((_, at) => (at % 2 === 0 ? [all[at + 1], all[at]] : [])) as readonly string[];
    expect(turned.filter((one) => !ids.add(one))).toEqual([]);
    expect(all.filter((one) => ids.add(one))).toEqual([]);
  });

  test('in bounded memory: of those with holes, and of names, the oldest are forgotten', () => {
    const [sparse, named] = [createRecentIds(100), createRecentIds(100)];
    for (const one of texts(1_000, 0, 2)) expect(sparse.add(one)).toBe(true);
    expect(texts(1_000, 0, 2).filter(sparse.has).length).toBeLessThanOrEqual(200);
    expect(texts(100, 1_800, 2).every(sparse.has)).toBe(true);
    for (const one of names(1_000)) expect(named.add(one)).toBe(true);
    expect(names(1_000).filter(named.has)).toEqual(names(100, 900));
  });

  test('a row of many fills costs what one does', () => {
    const ids = createRecentIds(3);
    expect(ids.add('1000000', '1')).toBe(true);
    expect(['1', '999999', '0', '1000001'].map(ids.has)).toEqual([true, true, false, false]);
  });

  test('fewer are kept from now on, and more again', () => {
    const ids = createRecentIds(100);
    for (const one of names(100)) ids.add(one);
    ids.keep(10);
    expect(names(100).filter(ids.has)).toEqual(names(10, 90));
    ids.keep(20);
    for (const one of names(50, 100)) ids.add(one);
    expect(names(150).filter(ids.has)).toEqual(names(20, 130));
  });
});
