/** The parts of a soak that are arithmetic, or its own doubles of real things. */

import { describe, expect, test } from 'vitest';
import { checkResyncs } from '../../src/apps/soak/check-ledgers.ts';
import { createFindings } from '../../src/apps/soak/findings.ts';
import { mortalClock } from '../../src/apps/soak/mortal-clock.ts';
import { readSoakArgs } from '../../src/apps/soak/options.ts';
import { createPeak } from '../../src/apps/soak/peak.ts';
import { durationText } from '../../src/apps/soak/report.ts';
import { restartsOf } from '../../src/apps/soak/restarts.ts';
import { checkHeap } from '../../src/apps/soak/run-virtual.ts';
import { slopeOf } from '../../src/apps/soak/slope.ts';
import { memorySender, SOAKED } from '../../src/apps/soak/venues.ts';
import { FEEDS } from '../../src/core/event.ts';
import { manualTime } from '../../src/core/manual-time.ts';
import type { FeedOptions, RestCall } from '../../src/core/venue.ts';
import { createHttp } from '../../src/io/http.ts';
import { createMemorySim } from '../../src/sim/memory.ts';

const START_US = Date.UTC(2026, 10, 21, 12) * 1000;

test('a sliding minute, whatever the clock says', () => {
  const peak = createPeak();
  for (const sec of [0, 59, 59.5, 60, 61]) peak.add(sec * 1_000);
  // 59 to 61; that of 0 lies a whole minute before 60.
  expect(peak.read()).toEqual({ total: 5, peak: 4 });
});

test('timers of what is killed never run; those of others do', () => {
  const time = manualTime(START_US);
  const ran: string[] = [];
  const [one, other] = [mortalClock(time), mortalClock(time)];
  one.clock.after(10, () => ran.push('once'));
  one.clock.after(30, () => ran.push('late'));
  one.clock.every(10, () => ran.push('every'));
  other.clock.after(30, () => ran.push('other'))();
  other.clock.after(40, () => ran.push('another'));
  time.advanceTo(START_US + 20_000);
  one.end();
  one.clock.after(1, () => ran.push('after the end'));
  time.advanceTo(START_US + 100_000);
  expect(ran).toEqual(['once', 'every', 'every', 'another']);
});

describe('restarts', () => {
  const options = { seed: 4, untilSec: 86_400, feedEverySec: 1_200, collectorEverySec: 7_200, idleSec: 300 };

  test('are the same for a seed, in order, of both kinds, and end in time', () => {
    const all = restartsOf({ ...options, leastSec: 60 });
    expect(restartsOf({ ...options, leastSec: 60 })).toEqual(all);
    expect(all.map(({ atSec }) => atSec)).toEqual(all.map(({ atSec }) => atSec).sort((a, b) => a - b));
    expect(all.every(({ atSec, idleSec }) => atSec < 86_400 && idleSec >= 1 && idleSec <= 300)).toBe(true);
    expect(all.filter(({ what }) => what === 'collector').length).toBeGreaterThan(5);
    expect(new Set(all.map(({ what, how }) => `${what} ${how}`)).size).toBe(4);
  });

  test('a short run has one of each', () => {
    const short = restartsOf({ ...options, untilSec: 200, leastSec: 60 });
    expect(short.map(({ what, atSec }) => `${what} ${atSec}`)).toEqual([
      'feed 60',
      'collector 120',
      'feed 162',
    ]);
  });
});

describe('memory', () => {
  const samples = (mbOf: (hour: number) => number) =>
    Array.from({ length: 25 }, (_, hour) => ({ hour, mb: mbOf(hour) }));

  test('what fills up at first and then stands is flat', () => {
    expect(slopeOf(samples((hour) => Math.min(60, 30 + hour * 10)))).toBeCloseTo(0);
    expect(slopeOf(samples((hour) => 50 + 2 * hour))).toBeCloseTo(2);
    expect(slopeOf(samples(() => 1).slice(0, 5))).toBeNull();
  });

  test('what grows is a finding, once there are hours of it', () => {
    const found = (hours: number): number => {
      const findings = createFindings();
      checkHeap(
        samples((hour) => 50 + 2 * hour).map((one) => ({ ...one, hour: (one.hour * hours) / 24 })),
        findings,
      );
      return findings.count();
    };
    expect([found(1), found(12)]).toEqual([0, 1]);
  });
});

test("a resync is nobody's fault when none struck its venue within a minute", () => {
  const event = { type: 'resync', scope: 'okx.orderbook', symbol: 'BTC/USDT', reason: 'sequence' };
  const found = (ts: number, venue: string, forSec = 0): number => {
    const findings = createFindings();
    const fault = { ts: 100, untilTs: 100 + forSec, venue, kind: 'drop' };
    checkResyncs({ gaps: [], events: [{ ...event, ts }] }, [fault], findings);
    return findings.count();
  };
  expect([
    found(159, 'okx'),
    found(161, 'okx'),
    found(161, 'okx', 30),
    found(159, 'bybit'),
    found(99, 'okx'),
  ]).toEqual([0, 1, 0, 1, 1]);
});

test('options: times with their units; what makes no sense is refused by its name', () => {
  const read = (...argv: readonly string[]) => {
    const args = readSoakArgs(argv);
    return args.ok ? `${args.value.kind} ${args.value.totalSec} ${args.value.rate}` : args.error.message;
  };
  expect(read()).toBe('virtual 86400 0.2');
  expect(read('--virtual', '2h', '--rate', '1')).toBe('virtual 7200 1');
  expect(read('--real', '90s')).toBe('real 90 1');
  expect(read('--virtual', '10')).toMatch(/^--virtual: expected a time .* got "10"$/);
  expect(read('--real', '1s')).toMatch(/^--real: /);
  expect(read('--real', '1h', '--virtual', '1d')).toMatch(/one of them/);
  expect(read('--seed', '1.5')).toMatch(/^--seed: expected a whole number/);
  expect(read('--nonsense')).toMatch(/nonsense/);
  expect([90, 3_600, 93_600, 0.2].map(durationText)).toEqual(['1 min 30 s', '1 h', '1 d 2 h', '0 s']);
});

const OPTIONS: readonly FeedOptions[] = [
  { depth: 200, stream: null },
  { depth: 200, stream: 'aggTrade' },
  { depth: 200, stream: 'trade' },
];

test.each(SOAKED.map((venue) => [venue.id, venue] as const))(
  '%s: every REST call that there is reaches the simulator, by the URL that ccxt makes of it',
  async (id, venue) => {
    const clock = manualTime(START_US);
    const sim = createMemorySim({ seed: 1, rate: 1, venues: [venue], symbols: {}, clock, journal: null });
    clock.advanceTo(START_US + 30_000_000);
    let sent = 0;
    const http = createHttp({
      ccxtId: venue.rest.ccxt,
      bases: venue.rest.bases(sim.endpoints[id] ?? {}),
      timeoutMs: 10_000,
      clock,
      sender: memorySender(sim, () => {
        sent += 1;
      }),
    });
    const { rest } = venue;
    const located = venue.sim.instruments.flatMap(({ symbol }) => venue.locate(symbol) ?? []);
    const calls = [
      ...rest.instruments(located),
      ...located.flatMap((one) => [rest.clock([one]), rest.depth(one, 200)]),
      ...located.flatMap((one) =>
        OPTIONS.flatMap((options) => [
          ...FEEDS.flatMap((feed) => rest.poll(feed, one, options)),
          rest.history?.call(one, options, '17952840000001') ?? null,
        ]),
      ),
    ].filter((call): call is RestCall => call !== null);
    await http.ready();
    for (const { method, params } of calls) {
      const asked = http.call(method, params);
      let reply: Awaited<typeof asked> | null = null;
      void asked.then((value) => {
        reply = value;
      });
      while (reply === null) {
        clock.advanceTo(clock.wallUs() + 1_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect([method, reply]).toMatchObject([method, { ok: true, value: { status: 200 } }]);
    }
    expect(sent).toBe(calls.length);
    expect([...new Set(calls.map(({ method }) => method))].sort()).toEqual([...rest.methods].sort());
    http.close();
    sim.stop();
  },
);
