import { expect, it } from 'vitest';
import { createGovernor } from '../../src/runtime/governor.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { createTally, createThrottleWatch, rateStats } from '../../src/runtime/rate-stats.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';
import { endNow, limited, OK, STRETCH } from '../support/governor.ts';

it('is the object of rate_stats.json', () => {
  const clock = manualClock();
  const windows = [{ name: 'ip', limit: 500, perMs: 300_000 }];
  const governors = ['bitflyer', 'binance'].map((venue) =>
    createGovernor({ venue, maxInfoRpm: 100, share: 0.9, windows, stretch: STRETCH, clock }),
  );
  void governors[0]?.acquire({ priority: 'poll', window: 'ip', weight: 1 });
  clock.advance(1_500);
  const stats = JSON.parse(JSON.stringify(rateStats(governors, clock.wallUs())));
  expect(stats).toMatchObject({
    ts: CLOCK_START_US / 1_000_000 + 1.5,
    stats: {
      bitflyer: { rpm_60s: 1, rpm_300s: 0.2, err_60s: 0, target_rpm: 90, throttle: false },
      binance: { rpm_60s: 0, rpm_300s: 0, err_60s: 0, target_rpm: 90, throttle: false },
    },
  });
});

it('has the keys and the kinds of the operators’ own page for each venue, whatever else stands beside them', () => {
  const clock = manualClock();
  const options = { venue: 'bitflyer', maxInfoRpm: 100, share: 0.9, windows: [], stretch: STRETCH, clock };
  const { ts, stats } = JSON.parse(JSON.stringify(rateStats([createGovernor(options)], clock.wallUs())));
  const kinds = Object.entries(stats.bitflyer).map(([key, value]) => [key, typeof value]);
  expect(typeof ts).toBe('number');
  expect(kinds.slice(0, 5)).toEqual([
    ['rpm_60s', 'number'],
    ['rpm_300s', 'number'],
    ['err_60s', 'number'],
    ['target_rpm', 'number'],
    ['throttle', 'boolean'],
  ]);
});

it('tallies each outcome by its name, and every one but OK as an error', () => {
  const tally = createTally();
  for (const outcome of ['OK', 403, 418, 429, 'ERR', 'OK'] as const) tally.outcome(outcome, 1_000);
  tally.outcome('OK', 50_000);
  expect(tally.read(60_999)).toMatchObject({
    err_60s: 4,
    outcomes_60s: { OK: 3, 403: 1, 418: 1, 429: 1, ERR: 1 },
  });
  expect(tally.read(61_000)).toMatchObject({
    err_60s: 0,
    outcomes_60s: { OK: 1 },
    outcomes_300s: { OK: 3, ERR: 1 },
  });
});

it('tells each change of a throttle once', () => {
  const clock = manualClock();
  const facts: Fact[] = [];
  const watch = createThrottleWatch((fact) => facts.push(fact));
  const options = { venue: 'okx', maxInfoRpm: 60, share: 1, windows: [], stretch: STRETCH, clock };
  const governor = createGovernor(options);
  const look = () => watch(rateStats([governor], clock.wallUs()).stats);
  look();
  endNow(governor, 0, limited(7_000));
  look();
  look();
  clock.advance(7_000);
  look();
  for (let n = 0; n < 7; n++) endNow(governor, clock.monoMs(), OK);
  look();
  look();
  expect(facts).toEqual([
    { type: 'throttle', scope: 'okx', on: true, state: 'paused', stretch: 2 },
    { type: 'throttle', scope: 'okx', on: false, state: 'free', stretch: 1 },
  ]);
});
