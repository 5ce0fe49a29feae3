import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyDelta,
  bestOf,
  createBook,
  isCrossed,
  levelsOf,
  resetBook,
  topOf,
} from '../../src/core/book.ts';
import { createBookSync } from '../../src/core/book-sync.ts';
import type { BookChange, BookMessage, Level } from '../../src/core/event.ts';
import type { BookRule } from '../../src/core/venue.ts';

const level = fc.tuple(
  fc.integer({ min: 1, max: 60 }).map((ticks) => (ticks / 10).toFixed(2)),
  fc.integer({ min: 0, max: 3 }).map((amount) => amount.toFixed(3)),
);

describe('the kept book', () => {
  test('equals a plain map of price to amount, best first, whatever is applied', () => {
    fc.assert(
      fc.property(fc.array(level), fc.array(fc.tuple(fc.array(level), fc.array(level))), (first, deltas) => {
        const book = createBook();
        const model = { bids: new Map<number, Level>(), asks: new Map<number, Level>() };
        const put = (side: Map<number, Level>, one: Level): void => {
          if (Number(one[1]) === 0) side.delete(Number(one[0]));
          else side.set(Number(one[0]), one);
        };
        const unique = [...new Map(first.map((one) => [one[0], one])).values()];
        resetBook(book, unique, []);
        for (const one of unique) put(model.bids, one);
        for (const [bids, asks] of deltas) {
          applyDelta(book, bids, asks);
          for (const one of bids) put(model.bids, one);
          for (const one of asks) put(model.asks, one);
        }
        const sorted = (side: Map<number, Level>, sign: number): Level[] =>
          [...side].sort(([a], [b]) => sign * (b - a)).map(([, one]) => one);
        expect(levelsOf(book.bids)).toEqual(sorted(model.bids, 1));
        expect(levelsOf(book.asks)).toEqual(sorted(model.asks, -1));
        expect(bestOf(book.asks)).toEqual(sorted(model.asks, -1)[0]);
        expect(topOf(book.bids, 3)).toEqual(sorted(model.bids, 1).slice(0, 3));
        const [bid, ask] = [Math.max(...model.bids.keys()), Math.min(...model.asks.keys())];
        expect(isCrossed(book)).toBe(model.bids.size > 0 && model.asks.size > 0 && bid >= ask);
      }),
    );
  });
});

/** Numbered, with snapshots by REST, like Binance spot. */
const rule: BookRule = {
  snapshot: 'rest',
  join(delta, snapshot) {
    if ((delta.sequence ?? 0) <= (snapshot ?? 0)) return 'stale';
    return (delta.prevSequence ?? 0) <= (snapshot ?? 0) ? 'joins' : 'gap';
  },
};

function message(more: Partial<BookMessage>): BookMessage {
  return {
    type: 'book',
    market: 'spot',
    symbol: 'A/B',
    timestampUs: 0,
    localUs: 0,
    snapshot: false,
    sequence: 0,
    prevSequence: 0,
    bids: [],
    asks: [],
    ...more,
  };
}

describe('joining by REST', () => {
  /** A stream of deltas, and at any moment a snapshot of the state some messages ago. */
  test('whatever is dropped, doubled or swapped, the rows chain, and the book is the market’s when it is synced', () => {
    const fault = fc.constantFrom('none', 'none', 'none', 'drop', 'double', 'swap');
    fc.assert(
      fc.property(fc.array(fc.tuple(fault, fc.integer({ min: 0, max: 3 })), { maxLength: 60 }), (steps) => {
        const market: BookMessage[] = [];
        const state = new Map<string, string>();
        const states: Map<string, string>[] = [new Map()];
        const rows: BookChange[] = [];
        let needs = 0;
        const sync = createBookSync(rule, {
          applied: (change) => rows.push(change),
          needSnapshot: () => {
            needs += 1;
          },
          lost: () => undefined,
          drift: () => undefined,
        });
        let held: BookMessage | null = null;
        for (const [index, [kind, behind]] of steps.entries()) {
          const sequence = index + 1;
          const bids: Level[] = [[String((index * 7) % 11), String(index % 3)]];
          for (const [price, amount] of bids) {
            if (Number(amount) === 0) state.delete(price);
            else state.set(price, amount);
          }
          states.push(new Map(state));
          const delta = message({ sequence, prevSequence: sequence - 1, bids });
          market.push(delta);
          if (kind === 'swap' && held === null) {
            held = delta;
          } else {
            if (kind !== 'drop') sync.on(delta);
            if (kind === 'double') sync.on(delta);
            if (held !== null) sync.on(held);
            held = null;
          }
          if (needs > 0) {
            needs = 0;
            const at = Math.max(0, sequence - behind);
            const bidsThen = [...(states[at] ?? new Map<string, string>())].map(
              ([price, amount]): Level => [price, amount],
            );
            sync.on(message({ snapshot: true, sequence: at, prevSequence: null, bids: bidsThen }));
          }
        }
        // The rows chain by the rule of the data files.
        let last: BookChange | null = null;
        for (const row of rows) {
          if (!row.snapshot) {
            expect(last).not.toBeNull();
            if (last?.snapshot) {
              expect(row.prevSequence ?? 0).toBeLessThanOrEqual(row.snapshotSequence ?? 0);
              expect(row.sequence ?? 0).toBeGreaterThanOrEqual(row.snapshotSequence ?? 0);
            } else expect(row.prevSequence).toBe(last?.sequence);
          }
          last = row;
        }
        // And the book is the market's state at the sequence of the last row.
        if (sync.state() === 'synced' && last !== null) {
          const kept = levelsOf(sync.book.bids).map(([price, amount]) => [price, amount]);
          const truth = [...(states[last.sequence ?? 0] ?? new Map())].sort(
            ([a], [b]) => Number(b) - Number(a),
          );
          expect(kept).toEqual(truth);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('what waited for its snapshot', () => {
  const joined = (sequences: readonly number[], snapshot: number) => {
    const rows: (number | null)[] = [];
    let lost = 0;
    const sync = createBookSync(rule, {
      applied: (change) => rows.push(change.sequence),
      needSnapshot: () => undefined,
      lost: () => {
        lost += 1;
      },
      drift: () => undefined,
    });
    for (const sequence of sequences) sync.on(message({ sequence, prevSequence: sequence - 1 }));
    sync.on(message({ snapshot: true, sequence: snapshot, prevSequence: null }));
    return { rows, lost, state: sync.state(), stale: sync.stale() };
  };
  const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, at) => at + 1);

  test('is outdated by it, however much it is, and no sign of numbers that began anew', () => {
    expect(joined(upTo(402), 400)).toEqual({ rows: [400, 401, 402], lost: 0, state: 'synced', stale: 400 });
    expect(joined(upTo(400), 400)).toEqual({ rows: [400], lost: 0, state: 'synced', stale: 400 });
  });

  test('is forgotten where the numbers begin anew meanwhile', () => {
    expect(joined([900, 901, 5, 6, 7], 6)).toMatchObject({ rows: [6, 7], lost: 0, state: 'synced' });
  });
});

test('a snapshot that the venue says twice at one moment is one row; a later one is a row of its own', () => {
  const rows: number[] = [];
  const sync = createBookSync(
    { ...rule, snapshot: 'subscribe' },
    {
      applied: ({ localUs }) => rows.push(localUs),
      needSnapshot: () => undefined,
      lost: () => undefined,
      drift: () => undefined,
    },
  );
  const snapshot = message({ snapshot: true, sequence: 5, prevSequence: null, localUs: 7 });
  for (const one of [snapshot, snapshot, { ...snapshot, localUs: 8 }]) sync.on(one);
  expect([rows, sync.stale()]).toEqual([[7, 8], 1]);
  // Once it was given up, the same one joins it again.
  sync.resync('a test');
  sync.on({ ...snapshot, localUs: 8 });
  expect([rows, sync.state()]).toEqual([[7, 8, 8], 'synced']);
});
