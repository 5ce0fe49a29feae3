import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RateWindow } from '../../src/core/venue.ts';
import { createGovernor, type Demand } from '../../src/runtime/governor.ts';
import type { Priority } from '../../src/runtime/protocol.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { ERR, endNow, limited, OK, STRETCH } from '../support/governor.ts';

interface Granted extends Demand {
  readonly name: string;
  readonly atMs: number;
}

const PRIORITIES: readonly Priority[] = ['resync', 'poll', 'backfill'];
const WIDE: RateWindow = { name: 'wide', limit: 1_000_000, perMs: 60_000 };

/** A governor on a manual clock, with a record of what it granted and what it failed. */
function governed(maxInfoRpm: number, windows: readonly RateWindow[] = [WIDE], share = 1) {
  const manual: ManualClock = manualClock();
  const timers: number[] = [];
  const clock: ManualClock = {
    ...manual,
    after(ms, run) {
      timers.push(ms);
      return manual.after(ms, run);
    },
  };
  const governor = createGovernor({ venue: 'test', maxInfoRpm, share, windows, stretch: STRETCH, clock });
  const granted: Granted[] = [];
  const failed: string[] = [];
  /** When those that wait asked. */
  const waiting = new Map<string, number>();
  let settled = 0;

  const ask = (name: string, demand: Partial<Demand> = {}): void => {
    const whole: Demand = { priority: 'poll', window: windows[0]?.name ?? '', weight: 1, ...demand };
    const sinceMs = clock.monoMs();
    waiting.set(name, sinceMs);
    void governor.acquire(whole).then((permit) => {
      settled += 1;
      waiting.delete(name);
      if (permit.ok) granted.push({ ...whole, name, atMs: sinceMs + permit.value.waitedMs });
      else failed.push(`${name} ${permit.error.code}`);
    });
  };
  const flush = async (): Promise<void> => {
    for (let i = 0; i < 8; i++) await Promise.resolve();
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await flush();
  };
  const longestWaitMs = () => Math.max(0, ...[...waiting.values()].map((since) => clock.monoMs() - since));
  return {
    clock,
    timers,
    governor,
    granted,
    failed,
    ask,
    advance,
    flush,
    settled: () => settled,
    longestWaitMs,
  };
}

const names = (granted: readonly Granted[]) => granted.map((one) => one.name);

/** The largest sum in any closed interval of `perMs`. */
function busiest(granted: readonly Granted[], perMs: number, of: (one: Granted) => number): number {
  return Math.max(
    0,
    ...granted.map(({ atMs }) =>
      granted.reduce((sum, one) => sum + (one.atMs >= atMs && one.atMs <= atMs + perMs ? of(one) : 0), 0),
    ),
  );
}

describe('the pace', () => {
  it.each([
    [100, 0.9],
    [300, 0.9],
    [240, 0.9],
    [15, 0.9],
    [15, 1],
  ])('of %d a minute at %d is reached under demand and never passed', async (maxInfoRpm, share) => {
    const { ask, advance, granted } = governed(maxInfoRpm, [WIDE], share);
    const target = maxInfoRpm * share;
    for (let i = 0; i < target * 12; i++) ask(`${i}`);
    await advance(600_000);
    const perMinute = granted.length / 10;
    expect(perMinute).toBeLessThanOrEqual(target + 0.1);
    expect(perMinute).toBeGreaterThanOrEqual(target - Math.max(target * 0.01, 1));
    expect(busiest(granted, 60_000, () => 1)).toBeLessThanOrEqual(target);
    granted.slice(1).forEach((one, i) => {
      expect(one.atMs - (granted[i]?.atMs ?? 0)).toBeGreaterThanOrEqual(60_000 / target);
    });
  });

  it('holds at random times, weights, priorities, owners, aborts and pauses, and nothing is forgotten', async () => {
    const call = fc.record({
      after: fc.oneof(fc.constant(0), fc.nat({ max: 4_000 })),
      priority: fc.constantFrom(...PRIORITIES),
      window: fc.constantFrom('minute', 'short'),
      weight: fc.integer({ min: 0, max: 40 }),
      owner: fc.constantFrom('a', 'b', 'c'),
      next: fc.constantFrom('nothing', 'nothing', 'success', 'abort', 'pause'),
    });
    const limits = fc.record({
      rpm: fc.integer({ min: 5, max: 400 }),
      share: fc.constantFrom(0.5, 0.9, 1),
      minute: fc.integer({ min: 40, max: 400 }),
      short: fc.integer({ min: 10, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.array(call, { maxLength: 80 }),
        async ({ rpm, share, minute, short }, calls) => {
          const windows = [
            { name: 'minute', limit: minute, perMs: 60_000 },
            { name: 'short', limit: short, perMs: 2_000 },
          ];
          const one = governed(rpm, windows, share);
          const { ask, advance, granted, failed, governor, clock, settled, longestWaitMs } = one;
          const pauses: { from: number; until: number }[] = [];
          for (const [i, { after, next, ...demand }] of calls.entries()) {
            await advance(after);
            const abort = new AbortController();
            ask(`${i}`, { ...demand, signal: abort.signal });
            await advance(0);
            if (next === 'abort') abort.abort();
            if (next === 'pause') {
              const from = clock.monoMs();
              pauses.push({ from, until: from + 5_000 });
              endNow(governor, from, limited(5_000));
            }
            if (next === 'success') endNow(governor, clock.monoMs(), OK);
            await advance(0);
            const { throttle, paused_sec, stretch } = governor.stats();
            const target = Math.floor(rpm * share) || rpm * share;
            const hasWaited = longestWaitMs() > 2 * (60_000 / target) * 1.001;
            expect(throttle).toBe(paused_sec > 0 || stretch > 1 || hasWaited);
          }
          await advance(24 * 3_600_000);
          expect(settled()).toBe(calls.length);
          expect(granted.length + failed.length).toBe(calls.length);
          expect(governor.stats().waiting).toBe(0);
          expect(clock.pending()).toBe(0);

          const target = rpm * share;
          expect(busiest(granted, 60_000, () => 1)).toBeLessThanOrEqual(Math.max(1, target));
          for (const { name, limit, perMs } of windows) {
            const inWindow = granted.filter((permit) => permit.window === name);
            expect(busiest(inWindow, perMs, (permit) => permit.weight)).toBeLessThanOrEqual(share * limit);
          }
          granted.slice(1).forEach((permit, i) => {
            expect(permit.atMs - (granted[i]?.atMs ?? 0)).toBeGreaterThanOrEqual(60_000 / target - 1e-6);
          });
          for (const { from, until } of pauses) {
            expect(granted.filter(({ atMs }) => atMs > from && atMs < until)).toEqual([]);
          }
          for (const refused of failed.filter((text) => text.endsWith('refused'))) {
            const { weight, window } = calls[Number(refused.split(' ')[0])] ?? { weight: 0, window: '' };
            const limit = window === 'minute' ? minute : short;
            expect(weight).toBeGreaterThan(share * limit - 1);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('turns', () => {
  it('go to the higher priority first, whenever it came', async () => {
    const { ask, advance, granted } = governed(60);
    ask('first');
    ask('backfill', { priority: 'backfill' });
    ask('poll 1', { priority: 'poll' });
    ask('poll 2', { priority: 'poll' });
    await advance(1_500);
    ask('resync', { priority: 'resync' });
    await advance(60_000);
    expect(names(granted)).toEqual(['first', 'poll 1', 'resync', 'poll 2', 'backfill']);
  });

  it('alternate between owners, and keep each owner’s own order', async () => {
    const { ask, advance, granted } = governed(60);
    for (let i = 0; i < 4; i++) ask(`a${i}`, { owner: 'a' });
    for (let i = 0; i < 2; i++) ask(`b${i}`, { owner: 'b' });
    ask('c0', { owner: 'c' });
    await advance(60_000);
    expect(names(granted)).toEqual(['a0', 'a1', 'b0', 'c0', 'a2', 'b1', 'a3']);
  });

  it('starve nobody within a priority: before one’s turn every other owner has one turn at most', async () => {
    const arrival = fc.record({ atMs: fc.nat({ max: 30_000 }), owners: fc.integer({ min: 1, max: 6 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(arrival, { minLength: 1, maxLength: 8 }),
        async (greedy, arrivals) => {
          const { ask, advance, granted, clock } = governed(60);
          const askedMs = new Map<string, number>();
          for (let i = 0; i < greedy; i++) ask('greedy', { owner: 'greedy' });
          for (const { atMs, owners } of [...arrivals].sort((a, b) => a.atMs - b.atMs)) {
            await advance(atMs - clock.monoMs());
            for (let i = 0; i < owners; i++) {
              const owner = `${askedMs.size}`;
              askedMs.set(owner, atMs);
              ask(owner, { owner });
            }
          }
          await advance(3_600_000);
          expect(granted).toHaveLength(greedy + askedMs.size);
          for (const { owner = '', atMs } of granted) {
            const sinceMs = askedMs.get(owner) ?? atMs;
            const before = granted
              .filter((one) => one.atMs > sinceMs && one.atMs < atMs)
              .map((one) => one.owner);
            expect(new Set(before).size).toBe(before.length);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('a heavy call is not passed for ever by light ones of its window, of whatever priority', async () => {
    const { ask, advance, granted } = governed(60, [{ name: 'w', limit: 10, perMs: 10_000 }, WIDE]);
    ask('light', { weight: 1 });
    await advance(1_500);
    ask('heavy', { weight: 10 });
    for (let i = 0; i < 20; i++) ask(`same ${i}`, { weight: 1, owner: `${i % 3}` });
    for (let i = 0; i < 20; i++) ask(`lower ${i}`, { weight: 1, priority: 'backfill' });
    await advance(12_000);
    expect(names(granted).slice(0, 2)).toEqual(['light', 'heavy']);
    expect(granted[1]?.atMs).toBeCloseTo(10_010);
  });

  it('a call of another window may pass one that waits for its own, unless that delays it', async () => {
    const windows = [
      { name: 'full', limit: 1, perMs: 10_490 },
      { name: 'free', limit: 100, perMs: 10_000 },
      WIDE,
    ];
    const { ask, advance, granted } = governed(60, windows);
    ask('first', { window: 'full' });
    ask('waits', { window: 'full', priority: 'resync' });
    for (let i = 0; i < 20; i++) ask(`${i}`, { window: 'free', priority: 'backfill' });
    await advance(11_000);
    // A permit a second; the one that was due at 10,010 would have held up the resync.
    expect(names(granted)).toEqual(['first', '0', '1', '2', '3', '4', '5', '6', '7', '8', 'waits']);
    expect(granted.at(-1)?.atMs).toBeCloseTo(10_490 * 1.001);
  });
});

describe('a wait', () => {
  it('that is aborted uses no permit', async () => {
    const { ask, advance, granted, failed, governor, clock } = governed(60, [
      { name: 'w', limit: 3, perMs: 60_000 },
    ]);
    const abort = new AbortController();
    const end = new AbortController();
    ask('first', { owner: 'a' });
    ask('aborted', { owner: 'a', signal: abort.signal });
    ask('dead 1', { owner: 'dead', priority: 'resync', signal: end.signal });
    ask('dead 2', { owner: 'dead', priority: 'backfill', signal: end.signal });
    ask('second', { owner: 'a' });
    ask('third', { owner: 'b' });
    await advance(0);
    abort.abort();
    end.abort();
    await advance(2_500);
    expect(names(granted)).toEqual(['first', 'second', 'third']);
    expect(granted.at(-1)?.atMs).toBeCloseTo(2_002);
    expect(failed).toEqual(['aborted aborted', 'dead 1 aborted', 'dead 2 aborted']);
    expect(governor.stats()).toMatchObject({ rpm_60s: 3, waiting: 0 });
    expect(clock.pending()).toBe(0);
  });

  it('is not begun by what is aborted already, can never fit, or comes after the close', async () => {
    const { ask, flush, failed, governor, granted } = governed(
      60,
      [{ name: 'w', limit: 10, perMs: 1_000 }],
      0.9,
    );
    ask('late', { signal: AbortSignal.abort() });
    ask('heavy', { weight: 10 });
    ask('lost', { window: 'nowhere' });
    await flush();
    governor.close();
    ask('closed');
    await flush();
    expect(failed).toEqual(['late aborted', 'heavy refused', 'lost refused', 'closed aborted']);
    expect(granted).toEqual([]);
  });

  it('ends when the governor is closed', async () => {
    const { ask, flush, failed, governor, clock } = governed(60);
    for (const name of ['granted', 'waits']) ask(name);
    governor.close();
    await flush();
    expect(failed).toEqual(['waits aborted']);
    expect(clock.pending()).toBe(0);
  });

  it('leaves nothing behind on its signal', async () => {
    const { ask, advance, governor } = governed(60);
    const abort = new AbortController();
    ask('granted', { signal: abort.signal });
    await advance(0);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    abort.abort();
    ask('next');
    await advance(2_000);
    expect(governor.stats()).toMatchObject({ rpm_60s: 2, waiting: 0 });
  });
});

describe('a permit that is given back', () => {
  it('is as if it had not been given: the next goes at once, and neither window nor count knows of it', async () => {
    const { governor, flush, clock } = governed(60, [{ name: 'w', limit: 5, perMs: 60_000 }]);
    const first = await governor.acquire({ priority: 'poll', window: 'w', weight: 5 });
    if (!first.ok) throw new Error('no permit');
    const second = governor.acquire({ priority: 'poll', window: 'w', weight: 5 });
    await flush();
    expect(governor.stats()).toMatchObject({ waiting: 1, rpm_60s: 1, permits_total: 1 });
    governor.giveBack(first.value);
    expect(await second).toMatchObject({ ok: true, value: { atMs: 0 } });
    expect(governor.stats()).toMatchObject({ waiting: 0, rpm_60s: 1, permits_total: 1, err_60s: 0 });
    expect(clock.pending()).toBe(0);
  });
});

describe('a pause', () => {
  it('holds everything until its end, is never shortened, and outlasts any timer', async () => {
    const { ask, advance, granted, governor, timers } = governed(60);
    const days = 40 * 24 * 3_600_000;
    endNow(governor, 0, limited(days));
    endNow(governor, 0, limited(1_000));
    ask('patient', { priority: 'resync' });
    await advance(days - 1);
    expect(granted).toEqual([]);
    expect(governor.stats()).toMatchObject({ throttle: true, waiting: 1, paused_sec: 0.001 });
    await advance(1);
    expect(names(granted)).toEqual(['patient']);
    expect(governor.stats()).toMatchObject({ state: 'recovering', paused_sec: 0 });
    // A longer timer of Node runs at once.
    expect(Math.max(...timers)).toBeLessThan(2 ** 31);
  });
});

describe('the statistics', () => {
  it('count permits and outcomes over a minute, five, and the whole run', async () => {
    const { ask, advance, governor } = governed(60);
    for (let i = 0; i < 3; i++) ask(`${i}`);
    await advance(10_000);
    for (const ending of [OK, OK, ERR, limited(1, { outcome: 403 })]) endNow(governor, 10_000, ending);
    expect(governor.stats()).toEqual({
      rpm_60s: 3,
      rpm_300s: 0.6,
      err_60s: 2,
      target_rpm: 60,
      throttle: true,
      state: 'paused',
      stretch: 2,
      waiting: 0,
      paused_sec: 0.001,
      lowered_sec: 0,
      windows: { wide: { used: 3, cap: 1_000_000 } },
      permits_total: 3,
      outcomes_60s: { OK: 2, ERR: 1, 403: 1 },
      outcomes_300s: { OK: 2, ERR: 1, 403: 1 },
      outcomes_total: { OK: 2, ERR: 1, 403: 1 },
    });
    await advance(60_000);
    endNow(governor, 70_000, limited(1, { outcome: 418 }));
    expect(governor.stats()).toMatchObject({
      rpm_60s: 0,
      rpm_300s: 0.6,
      err_60s: 1,
      outcomes_60s: { 418: 1 },
    });
    await advance(300_000);
    expect(governor.stats()).toMatchObject({
      rpm_300s: 0,
      outcomes_300s: {},
      outcomes_total: { OK: 2, ERR: 1, 403: 1, 418: 1 },
    });
  });

  it('say throttle once the oldest demand has waited more than twice the spacing', async () => {
    const { ask, advance, governor } = governed(60);
    for (let i = 0; i < 4; i++) ask(`${i}`);
    await advance(2_001);
    expect(governor.stats()).toMatchObject({ throttle: false, waiting: 2 });
    await advance(2);
    expect(governor.stats()).toMatchObject({ throttle: true, waiting: 1 });
    await advance(2_000);
    expect(governor.stats()).toMatchObject({ throttle: false, waiting: 0 });
  });
});

describe('other numbers while it runs', () => {
  const slower = { maxInfoRpm: 60, share: 1, windows: [{ ...WIDE, limit: 50 }], stretch: STRETCH };

  it('those that wait go by the new pace; one that could never go is refused', async () => {
    const { governor, ask, advance, granted, failed } = governed(6_000);
    for (const name of ['a', 'b', 'c']) ask(name);
    ask('heavy', { weight: 60 });
    governor.adjust(slower);
    await advance(0);
    expect([granted.map(({ name }) => name), failed]).toEqual([['a'], ['heavy refused']]);
    await advance(1_000);
    expect(granted).toHaveLength(1);
    await advance(1_100);
    expect(granted.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(governor.stats()).toMatchObject({
      target_rpm: 60,
      rpm_60s: 3,
      windows: { wide: { used: 3, cap: 50 } },
    });
  });

  it('a ban, and how far polling is stretched, outlast them', async () => {
    const { governor, ask, advance, clock, granted } = governed(6_000);
    endNow(governor, clock.monoMs(), limited(60_000, { ban: true }));
    governor.adjust({ ...slower, stretch: { ...STRETCH, decay: 0.5 } });
    expect(governor.pause()).toMatchObject({ ban: true, ms: 60_000 });
    expect(governor.stretch()).toBe(2);
    ask('a');
    await advance(59_999);
    expect(granted).toEqual([]);
    await advance(1);
    expect(granted).toHaveLength(1);
    // A success: by the new decay.
    endNow(governor, clock.monoMs(), OK);
    expect(governor.stretch()).toBe(1);
  });
});
