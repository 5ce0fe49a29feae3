import { expect, test } from 'vitest';
import { createTradeIds, type TradeIds } from '../../src/runtime/trade-ids.ts';

const symbols = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `S${at}`);
const name = (at: number): string => `id-${at}`;

/** So many trades of each symbol, in turn. */
function tell(ids: TradeIds, of: readonly string[], count: number, id = name): void {
  for (let at = 0; at < count; at++) for (const symbol of of) ids.add({ symbol, id: id(at) });
}

/** How many of the newest are known, and none before them. */
function depth(ids: TradeIds, symbol: string, count: number, id = name): number {
  const known = Array.from({ length: count }, (_, at) => ids.has({ symbol, id: id(at) }));
  const first = known.indexOf(true);
  expect(known.slice(first).every((one) => one)).toBe(true);
  return count - first;
}

test.each([
  [1, 20_000],
  [4, 20_000],
  [40, 5_000],
  [200, 2_000],
])('of %i symbols that are named, %i trades each are remembered', (count, want) => {
  const ids = createTradeIds(false);
  tell(ids, symbols(count), want + 500);
  for (const symbol of symbols(count)) expect(depth(ids, symbol, want + 500)).toBe(want);
});

test('symbols that come later take their share of those before at once, and give it back', () => {
  const ids = createTradeIds(false);
  tell(ids, ['S0'], 20_000);
  tell(ids, symbols(40), 1);
  expect(depth(ids, 'S0', 20_000)).toBe(5_000);
  for (const symbol of symbols(40).slice(4)) ids.forget(symbol);
  for (let at = 20_000; at < 30_000; at++) ids.add({ symbol: 'S0', id: name(at) });
  expect(depth(ids, 'S0', 30_000)).toBe(15_000);
});

test('a page is known when it comes again, whatever its size, and however many symbols share', () => {
  const ids = createTradeIds(false);
  tell(ids, symbols(200), 1);
  ids.paged('S0', 6_000);
  ids.paged('S0', 5);
  tell(ids, symbols(2), 20_000);
  expect([depth(ids, 'S0', 20_000), depth(ids, 'S1', 20_000)]).toEqual([12_000, 2_000]);
});

test('of 200 symbols whose ids count up nothing is forgotten', () => {
  const ids = createTradeIds(false);
  const count = (at: number): string => String(3_000_000_000 + at);
  tell(ids, symbols(200), 3_000, count);
  expect(symbols(200).map((symbol) => depth(ids, symbol, 3_000, count))).toEqual(
    symbols(200).map(() => 3_000),
  );
});
