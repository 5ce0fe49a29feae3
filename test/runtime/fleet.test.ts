/** The fleet on real threads, with sinks that only write down what they are told. */

import { afterEach, expect, test } from 'vitest';
import { createFleet, type Fleet, type FleetPort } from '../../src/runtime/fleet.ts';
import type { Sinks } from '../../src/runtime/sinks.ts';
import { manualClock } from '../support/clock.ts';
import { until } from '../support/collector.ts';
import { closeStation, stationOf } from '../support/station.ts';

let fleet: Fleet;
afterEach(() => fleet.stop());

function fleetOf(told: string[]): Fleet {
  const sinks: Pick<Sinks, 'resume' | 'dropped'> & { readonly pipeline: Pick<Sinks['pipeline'], 'ingest'> } =
    {
      async resume(_venue, _feed, instruments) {
        told.push(`begins ${instruments.map(({ symbol }) => symbol).join()}`);
        return { seen: {}, last: {} };
      },
      async dropped(venue, feed, symbols) {
        told.push(`dropped ${venue}.${feed} ${symbols.join()}`);
      },
      pipeline: { ingest: ({ parts }) => told.push(`row of ${parts[0]?.symbol}`) },
    };
  return createFleet({
    clock: manualClock(),
    random: () => 1,
    url: new URL('../fixtures/workers/last-words.mjs', import.meta.url),
    sinks: sinks as Sinks,
    gaps: { change: () => undefined, open: () => [] } as unknown as FleetPort['gaps'],
    coverage: { row: () => undefined },
    capture: null,
    isHeld: () => false,
    note: () => undefined,
    onReject: () => undefined,
    isTracing: () => false,
    onWay: () => undefined,
  });
}

test('a symbol that is gone when its feed begins anew is let go of, after its last rows', async () => {
  const settings = (symbols: readonly string[], depth: number) => ({
    symbols,
    feeds: { ticker: { enabled: false }, trades: { enabled: false }, orderbook: { depth } },
  });
  const told: string[] = [];
  const station = stationOf('okx', settings(['BTC/USDT', 'ETH/USDT'], 200));
  fleet = fleetOf(told);
  fleet.start(station);
  const [first] = fleet.workers();
  await until('it runs', () => first?.thread.state() === 'running');
  first?.tally.begins('ETH/USDT');
  const other = stationOf('okx', settings(['BTC/USDT'], 5));
  await fleet.begin(other, 'orderbook');
  await fleet.renew(other);
  await until('the other runs', () => fleet.workers()[0]?.thread.state() === 'running');
  expect(told).toEqual([
    'begins BTC/USDT,ETH/USDT',
    'row of BTC/USDT',
    'row of ETH/USDT',
    'begins BTC/USDT',
    'dropped okx.orderbook ETH/USDT',
  ]);
  // Should it come back, it is recorded since then.
  expect(fleet.workers()[0]?.tally.silence('ETH/USDT')).toMatchObject({ ageMs: null });
  for (const one of [station, other]) closeStation(one);
});
