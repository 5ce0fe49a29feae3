import { expect, test } from 'vitest';
import type { ConnectionPlan } from '../../src/core/venue.ts';
import { createRates } from '../../src/runtime/rates.ts';
import { venueById } from '../../src/venues/index.ts';

function plansOf(...symbols: readonly string[]): readonly ConnectionPlan[] {
  const venue = venueById('okx');
  return (
    venue?.dial({
      feed: 'orderbook',
      instruments: symbols.flatMap((symbol) => venue.locate(symbol) ?? []),
      endpoints: venue.endpoints,
      options: { depth: 200, stream: null },
    }) ?? []
  );
}

test('of streams that no connection has any more nothing is kept; the others and the connection go on', () => {
  const rates = createRates('orderbook');
  const [before] = plansOf('BTC/USDT', 'ETH/USDT');
  const [after] = plansOf('ETH/USDT');
  if (before === undefined || after === undefined) throw new Error('no plan');
  const [btc, eth] = before.subscriptions.map(({ stream }) => stream);
  for (const stream of [btc, eth, null])
    for (let at = 0; at < 100; at++) rates.arrived(before, stream ?? null, at * 1_000);
  rates.stalled(before);
  const known = () => [btc, eth, null].map((stream) => rates.lateMs(before, stream ?? null));
  expect(known()).toEqual([30_000, 30_000, 60_000]);
  rates.keep([after]);
  expect(known()).toEqual([null, 30_000, 60_000]);
  // All of it is taken out: the connection is gone too.
  rates.keep([]);
  expect(known()).toEqual([null, null, 600_000]);
});
