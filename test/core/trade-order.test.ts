import { expect, test } from 'vitest';
import { fillsOf, lowestId } from '../../src/core/trade-order.ts';

test.each([
  [{ id: '7' }, '7', 1],
  [{ id: 'a-7' }, 'a-7', 1],
  [{ id: '7', firstId: '6' }, '6', 2],
  [{ id: '1700', firstId: '101' }, '101', 1_600],
  [{ id: '90071992547409930', firstId: '90071992547409921' }, '90071992547409921', 10],
] as const)('%j begins with %s and stands for %i', (trade, first, fills) => {
  expect([lowestId(trade), fillsOf(trade)]).toEqual([first, fills]);
});
