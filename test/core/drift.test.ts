import { expect, test } from 'vitest';
import { applyDelta, createBook, resetBook } from '../../src/core/book.ts';
import { createDriftCheck } from '../../src/core/drift.ts';
import type { BookMessage, Level } from '../../src/core/event.ts';

const START_US = 1_795_219_200_000_000;

function message(seconds: number, snapshot: boolean, bids: readonly Level[]): BookMessage {
  const us = START_US + seconds * 1_000_000;
  return {
    type: 'book',
    market: 'spot',
    symbol: 'BTC/JPY',
    timestampUs: us,
    localUs: us,
    snapshot,
    sequence: null,
    prevSequence: null,
    bids,
    asks: [],
  };
}

/** A kept book that holds a wrong amount at 10, changed at 3 s; then snapshots from `afterSec` on. */
function verdictsAfter(afterSec: number) {
  const check = createDriftCheck();
  const book = createBook();
  const begin = message(0, true, [
    ['10', '1'],
    ['9', '1'],
  ]);
  resetBook(book, begin.bids, begin.asks);
  check.reset(begin);
  const wrong = message(3, false, [['10', '5']]);
  applyDelta(book, wrong.bids, wrong.asks);
  check.touch(wrong);
  return [0, 5].map((later) => {
    check.observe(message(afterSec + later, true, begin.bids));
    return check.settle(book, START_US + (afterSec + later + 1) * 1_000_000);
  });
}

test('a level that changed within the last second is left out, and compared later', () => {
  expect(verdictsAfter(3.5)).toMatchObject([
    { compared: 1, differing: 0 },
    { compared: 2, differing: 1 },
  ]);
});

test.each([-7200, 3600])('a clock that is set by %d s hides no difference', (seconds) => {
  const verdicts = verdictsAfter(5 + seconds);
  expect(verdicts).toMatchObject([
    { compared: 2, differing: 1, replace: false },
    { compared: 2, differing: 1, replace: true },
  ]);
});
