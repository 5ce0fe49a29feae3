import { expect, test } from 'vitest';
import { createFallback } from '../../src/runtime/fallback.ts';
import { venueById } from '../../src/venues/index.ts';
import { manualClock } from '../support/clock.ts';

const okx = venueById('okx');
const [plan] =
  okx?.dial({
    feed: 'trades',
    instruments: [{ symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' }],
    endpoints: okx.endpoints,
    options: { depth: 200, stream: null },
  }) ?? [];

function bench() {
  const clock = manualClock();
  const told: string[] = [];
  const fallback = createFallback(
    { afterMs: 5_000, backMs: 5_000 },
    { clock, changed: ({ name }, on) => told.push(`${name} ${on}`) },
  );
  if (plan === undefined) throw new Error('no plan');
  return { clock, told, fallback, plan, next: { ...plan, name: 'public~2' } };
}

test('a plan is one, whichever of its two connections serves it', () => {
  const { clock, told, fallback, plan, next } = bench();
  fallback.down(plan, 'gone');
  clock.advance(1_000);
  fallback.up(next);
  clock.advance(60_000);
  expect([told, fallback.isOn()]).toEqual([[], false]);
  fallback.down(next, 'gone');
  clock.advance(5_000);
  fallback.up(plan);
  clock.advance(5_000);
  expect(told).toEqual(['public~2 true', 'public~2 false']);
});

test('a plan that is not wanted any more is polled no more, and never again', () => {
  const { clock, told, fallback, plan, next } = bench();
  fallback.down(plan, 'gone');
  clock.advance(5_000);
  expect(fallback.covers('BTC/USDT')).toBe(true);
  fallback.gone(next);
  expect([told, fallback.covers('BTC/USDT')]).toEqual([['public true', 'public false'], false]);
  fallback.down(plan, 'gone');
  fallback.gone(plan);
  clock.advance(60_000);
  expect(told).toHaveLength(2);
});
