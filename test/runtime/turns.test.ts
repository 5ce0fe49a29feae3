import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Priority } from '../../src/runtime/protocol.ts';
import { createTurns } from '../../src/runtime/turns.ts';

interface One {
  readonly priority: Priority;
  readonly owner: string;
  readonly sinceMs: number;
}

const LONG_MS = 30_000;

it('a lower priority has one turn in ten once it has waited long, and none before', () => {
  const turns = createTurns<One>();
  const add = (priority: Priority, sinceMs: number): void => turns.add({ priority, owner: 'x', sinceMs });
  add('backfill', 0);
  add('poll', 1_000);
  for (let i = 0; i < 100; i++) add('resync', 2_000);
  const go = (nowMs: number): string => {
    const [first] = turns.inOrder(nowMs);
    if (first === undefined) throw new Error('nobody waits');
    turns.went(first);
    return first.priority;
  };
  const early = Array.from({ length: 40 }, () => go(LONG_MS - 1));
  expect(new Set(early)).toEqual(new Set(['resync']));
  const later = Array.from({ length: 25 }, () => go(LONG_MS + 1_000));
  // Of the two that have waited long the one who waited longest goes first.
  expect(later.flatMap((priority, at) => (priority === 'resync' ? [] : [`${at} ${priority}`]))).toEqual([
    '0 backfill',
    '10 poll',
  ]);
});

it('starves nobody: under a flood of any kind each goes before a bound that grows with those ahead of it', () => {
  const flood = fc.record({
    above: fc.array(fc.constantFrom<Priority>('resync', 'poll'), { minLength: 1, maxLength: 3 }),
    waiting: fc.array(fc.constantFrom<Priority>('poll', 'backfill'), { minLength: 1, maxLength: 20 }),
  });
  fc.assert(
    fc.property(flood, ({ above, waiting }) => {
      const turns = createTurns<One>();
      let nowMs = 0;
      for (const [i, priority] of waiting.entries()) turns.add({ priority, owner: `${i}`, sinceMs: 0 });
      const left = new Set(waiting.map((_, i) => `${i}`));
      let turnsGone = 0;
      while (left.size > 0) {
        nowMs += 200;
        // More comes from above than can ever go.
        for (const priority of above) turns.add({ priority, owner: 'flood', sinceMs: nowMs });
        const [first] = turns.inOrder(nowMs);
        if (first === undefined) break;
        turns.went(first);
        left.delete(first.owner);
        turnsGone += 1;
        expect(turnsGone).toBeLessThan(LONG_MS / 200 + 10 * (2 * waiting.length + 2));
      }
    }),
    { numRuns: 50 },
  );
});
