import { expect, it } from 'vitest';
import { createGovernor } from '../../src/runtime/governor.ts';
import { createTally, rateStats } from '../../src/runtime/rate-stats.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';

it('is the object of rate_stats.json', () => {
  const clock = manualClock();
  const windows = [{ name: 'ip', limit: 500, perMs: 300_000 }];
  const governors = ['bitflyer', 'binance'].map((venue) =>
    createGovernor({ venue, maxInfoRpm: 100, share: 0.9, windows, clock }),
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
