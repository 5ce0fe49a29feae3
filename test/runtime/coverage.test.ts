/** The files of a day, from gaps and first rows: real files, a clock of the test's. */

import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Gap } from '../../src/core/gap.ts';
import { readText, replaceFile } from '../../src/io/atomic.ts';
import { type Coverage, startCoverage } from '../../src/runtime/coverage.ts';
import type { Chain } from '../../src/runtime/coverage-lines.ts';
import { type GapLedger, openGapLedger } from '../../src/runtime/gap-ledger.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

const CHAIN = { venue: 'okx', feed: 'trades', symbol: 'A/B' } as const;
const MIDNIGHT = 1_795_219_200_000_000;
const HOUR = 3_600_000_000;
let root: string;
let clock: ManualClock;
let gaps: GapLedger;
let chains: readonly Chain[];
const errors: string[] = [];
/** Told of each file when it is on disk. */
let onWritten: (path: string) => void;

beforeEach(async () => {
  root = await tempFolder();
  clock = manualClock();
  clock.stepWall(MIDNIGHT + HOUR);
  errors.length = 0;
  chains = [CHAIN];
  onWritten = () => undefined;
});
afterEach(() => removeFolder(root));

async function start(): Promise<Coverage> {
  const onError = (scope: string): void => void errors.push(scope);
  gaps = await openGapLedger({ dataDir: root, clock, onReport: () => undefined, onError });
  return startCoverage({
    ...{ dataDir: root, clock, readText, onError },
    chains: () => chains,
    gaps: gaps.times,
    forget: gaps.forget,
    async replace(path, text) {
      const done = await replaceFile(path, text);
      onWritten(path);
      return done;
    },
  });
}

const file = async (name: string) => JSON.parse(await readFile(join(root, 'collector', name), 'utf8'));
const names = () => readdir(join(root, 'collector'));
/** Resolves when the quality of a day of November was written next: the last of its minute's. */
const written = (day: number) =>
  new Promise<void>((resolve) => {
    onWritten = (path) => {
      if (path.endsWith(`quality-202611${day}.json`)) resolve();
    };
  });
const gapAt = (id: string, fromUs: number): Gap => ({
  ...{ id, ...CHAIN, kind: 'disconnect', reason: '', from: { id: '1', local_ts: fromUs / 1e6 } },
});

test('a day has its minutes, its gaps and its verdict; the next begins its own', async () => {
  let coverage = await start();
  coverage.row(CHAIN, MIDNIGHT + HOUR - 600_000_000);
  const gap = gapAt('g', MIDNIGHT + HOUR);
  gaps.change({ state: 'open', gap });
  clock.stepWall(MIDNIGHT + HOUR + 300_000_000);
  await coverage.stop();
  await gaps.settled();
  const open = await file('quality-20261121.json');
  expect(open).toMatchObject({ day: '2026-11-21', verdict: 'pending' });
  expect(open.feeds.okx.trades['A/B']).toMatchObject({
    ...{ verdict: 'pending', watched_sec: 900, gap_sec: 300, completeness: 0.666666, missing: 0 },
    gaps: [{ id: 'g', kind: 'disconnect', from_ts: (MIDNIGHT + HOUR) / 1e6, to_ts: null }],
  });
  const { minutes } = (await file('coverage-20261121.json')).feeds.okx.trades['A/B'];
  expect(minutes).toBe('c'.repeat(50) + 'd'.repeat(10) + 'g'.repeat(5));

  // Another run knows of both, and ends the gap; the day gets its verdict when it is over.
  coverage = await start();
  expect(gaps.open('okx', 'trades')).toMatchObject([{ gap: { id: 'g' } }]);
  const to = { id: '9', local_ts: (MIDNIGHT + HOUR + 400_000_000) / 1e6 };
  gaps.change({ state: 'closed', gap, end: { to, repaired: 'partial', how: '', missing: 7, backfilled: 1 } });
  clock.stepWall(MIDNIGHT + 24 * HOUR + 30_000_000);
  await coverage.stop();
  await gaps.settled();
  const over = await file('quality-20261121.json');
  expect(over.feeds.okx.trades['A/B']).toMatchObject({ verdict: 'degraded', gap_sec: 400, missing: 7 });
  expect((await file('coverage-20261122.json')).feeds.okx.trades['A/B']).toEqual({
    minutes: 'd',
    completeness: 1,
  });
  expect(errors).toEqual([]);
});

test('a day that we did not see the end of is judged at the next start, however late on the next day', async () => {
  let coverage = await start();
  coverage.row(CHAIN, MIDNIGHT + HOUR);
  clock.stepWall(MIDNIGHT + 22 * HOUR);
  await coverage.stop();
  expect(await file('quality-20261121.json')).toMatchObject({ verdict: 'pending' });

  clock.stepWall(MIDNIGHT + 34 * HOUR);
  coverage = await start();
  const gap: Gap = { ...gapAt('d', MIDNIGHT + 22 * HOUR), kind: 'downtime' };
  gaps.change({ state: 'open', gap });
  const to = { local_ts: (MIDNIGHT + 34 * HOUR) / 1e6 };
  gaps.change({ state: 'closed', gap, end: { to, repaired: 'none', how: '', missing: null, backfilled: 0 } });
  clock.advance(60_000);
  await coverage.stop();
  const { feeds, verdict } = await file('quality-20261121.json');
  expect(verdict).toBe('degraded');
  expect(feeds.okx.trades['A/B']).toMatchObject({
    watched_sec: 82_800,
    gap_sec: 7_200,
    longest_gap_sec: 7_200,
  });
  expect(errors).toEqual([]);
});

test('a day that begins while we do not run has a gap, and is not closed, after days without a run too', async () => {
  let coverage = await start();
  coverage.row(CHAIN, MIDNIGHT + HOUR);
  await coverage.stop();
  clock.stepWall(MIDNIGHT + 74 * HOUR);
  coverage = await start();
  const gap: Gap = { ...gapAt('d', MIDNIGHT + HOUR), kind: 'downtime' };
  const to = { local_ts: (MIDNIGHT + 74 * HOUR) / 1e6 };
  gaps.change({ state: 'closed', gap, end: { to, repaired: 'none', how: '', missing: null, backfilled: 0 } });
  coverage.row(CHAIN, MIDNIGHT + 74 * HOUR);
  clock.advance(60_000);
  await coverage.stop();
  const { minutes } = (await file('coverage-20261124.json')).feeds.okx.trades['A/B'];
  expect(minutes).toBe(`${'g'.repeat(120)}d`);
});

test('a gap that is filled to its end is none', async () => {
  const coverage = await start();
  coverage.row(CHAIN, MIDNIGHT);
  const gap = gapAt('g', MIDNIGHT + 60_000_000);
  gaps.change({ state: 'open', gap });
  const end = { to: {}, repaired: 'full', how: '', missing: 0, backfilled: 3 } as const;
  gaps.change({ state: 'closed', gap, end });
  await coverage.stop();
  expect((await file('quality-20261121.json')).feeds.okx.trades['A/B']).toMatchObject({
    gap_sec: 0,
    gaps: [],
  });
});

test('a symbol without a row is not there', async () => {
  const coverage = await start();
  await coverage.stop();
  expect(await file('quality-20261121.json')).toMatchObject({ feeds: {}, verdict: 'missing' });
});

describe('days on which nothing ran', () => {
  const DAY = 24 * HOUR;
  const downtime = (fromUs: number, toUs: number | null): void => {
    const gap: Gap = { ...gapAt(`d${fromUs}`, fromUs), kind: 'downtime' };
    gaps.change({ state: 'open', gap });
    if (toUs === null) return;
    const end = { repaired: 'none', how: '', missing: null, backfilled: 0 } as const;
    gaps.change({ state: 'closed', gap, end: { ...end, to: { local_ts: toUs / 1e6 } } });
  };
  const verdictOn = async (day: number) => (await file(`quality-202611${day}.json`)).verdict;

  /** An hour of rows with a gap of its own, which ended. */
  async function firstRun(): Promise<void> {
    const coverage = await start();
    coverage.row(CHAIN, MIDNIGHT + HOUR);
    gaps.change({ state: 'open', gap: gapAt('own', MIDNIGHT + HOUR) });
    const to = { local_ts: (MIDNIGHT + HOUR) / 1e6 + 90 };
    const end = { to, repaired: 'none', how: '', missing: null, backfilled: 0 } as const;
    gaps.change({ state: 'closed', gap: gapAt('own', MIDNIGHT + HOUR), end });
    clock.stepWall(MIDNIGHT + 2 * HOUR);
    await coverage.stop();
    await gaps.settled();
    expect(await verdictOn(21)).toBe('pending');
  }

  test('each has its files and its verdict a minute after the next start, and the day of the stop its own', async () => {
    await firstRun();
    clock.stepWall(MIDNIGHT + 4 * DAY + HOUR);
    const coverage = await start();
    downtime(MIDNIGHT + 2 * HOUR, null);
    clock.advance(60_000);
    await coverage.stop();
    expect(await Promise.all([21, 22, 23, 24, 25].map(verdictOn))).toEqual([
      'degraded',
      ...Array(3).fill('missing'),
      'pending',
    ]);
    // What the run before knew of its day is known again.
    const stopped = (await file('quality-20261121.json')).feeds.okx.trades['A/B'];
    expect(stopped).toMatchObject({ watched_sec: 23 * 3_600, gap_sec: 22 * 3_600 + 90 });
    expect(stopped.gaps.map(({ id }: { id: string }) => id)).toEqual(['own', `d${MIDNIGHT + 2 * HOUR}`]);
    expect((await file('coverage-20261123.json')).feeds.okx.trades['A/B']).toEqual({
      minutes: 'g'.repeat(1_440),
      completeness: 0,
    });
    expect(errors).toEqual([]);
  });

  test('are written again when a gap of theirs was filled, and only then', async () => {
    await firstRun();
    clock.stepWall(MIDNIGHT + 2 * DAY + HOUR);
    const coverage = await start();
    downtime(MIDNIGHT + 2 * HOUR, null);
    clock.advance(60_000);
    await written(23);
    expect(await verdictOn(22)).toBe('missing');
    const before = (await file('quality-20261122.json')).ts;
    clock.advance(60_000);
    await written(23);
    expect((await file('quality-20261122.json')).ts).toBe(before);
    const end = { to: {}, repaired: 'full', how: '', missing: 0, backfilled: 3 } as const;
    gaps.change({ state: 'closed', gap: gapAt(`d${MIDNIGHT + 2 * HOUR}`, MIDNIGHT + 2 * HOUR), end });
    clock.advance(60_000);
    await coverage.stop();
    expect(await verdictOn(22)).toBe('available');
    await gaps.settled();
  });

  test('wait until it is known what is recorded: what an earlier run knew stays', async () => {
    await firstRun();
    clock.stepWall(MIDNIGHT + 2 * DAY + HOUR);
    chains = [];
    const coverage = await start();
    clock.advance(60_000);
    await coverage.stop();
    expect((await file('quality-20261121.json')).feeds.okx.trades['A/B'].watched_sec).toBe(3_600);
    expect(await names()).not.toContain('quality-20261122.json');
  });

  test.each([
    [31, 32],
    [32, 1],
  ])('are judged for 31 days back, and no further: after %i days', async (days, files) => {
    await firstRun();
    const before = await names();
    clock.stepWall(MIDNIGHT + days * DAY + HOUR);
    const coverage = await start();
    downtime(MIDNIGHT + 2 * HOUR, null);
    clock.advance(60_000);
    coverage.row(CHAIN, clock.wallUs());
    await coverage.stop();
    const made = (await names()).filter((name) => name.startsWith('coverage-') && !before.includes(name));
    // Today's is one of them; that of the first day is written anew.
    expect(made.length).toBe(files - (files > 1 ? 1 : 0));
    expect(await verdictOn(21)).toBe(files > 1 ? 'degraded' : 'pending');
  });
});

test('a symbol that is removed stands in `since` of its day and of the next, and then no more', async () => {
  const other = { ...CHAIN, symbol: 'C/D' };
  chains = [CHAIN, other];
  let coverage = await start();
  for (const chain of chains) coverage.row(chain, MIDNIGHT + HOUR);
  clock.advance(60_000);
  // Taken out while it runs, and the collector is started anew on the same day.
  chains = [other];
  await coverage.stop();
  coverage = await start();
  const since: Record<string, readonly string[]> = {};
  for (let day = 21; day <= 24; day++) {
    clock.stepWall(MIDNIGHT + (day - 21) * 24 * HOUR + 2 * HOUR);
    clock.advance(60_000);
    await coverage.stop();
    since[day] = Object.keys((await file(`coverage-202611${day}.json`)).since);
  }
  const both = ['okx.trades.A/B', 'okx.trades.C/D'];
  expect(since).toEqual({ 21: both, 22: both, 23: ['okx.trades.C/D'], 24: ['okx.trades.C/D'] });
  expect(errors).toEqual([]);
});

describe('what a run does not record, and one before did', () => {
  const OTHER = { ...CHAIN, venue: 'bybit' } as const;

  test('keeps its line of a day that is over, with its verdict', async () => {
    chains = [CHAIN, OTHER];
    let coverage = await start();
    for (const chain of chains) coverage.row(chain, MIDNIGHT);
    const gap = { ...gapAt('b', MIDNIGHT + HOUR), venue: 'bybit' };
    gaps.change({ state: 'open', gap });
    clock.stepWall(MIDNIGHT + 23 * HOUR);
    await coverage.stop();
    await gaps.settled();

    // The next one is of the other alone.
    clock.stepWall(MIDNIGHT + 36 * HOUR);
    chains = [CHAIN];
    coverage = await start();
    clock.advance(60_000);
    await coverage.stop();
    const { feeds, verdict } = await file('quality-20261121.json');
    expect([verdict, feeds.okx.trades['A/B'].verdict]).toEqual(['degraded', 'available']);
    expect(feeds.bybit.trades['A/B']).toMatchObject({ verdict: 'degraded', gap_sec: 22 * 3_600 });
    const { minutes } = (await file('coverage-20261121.json')).feeds.bybit.trades['A/B'];
    expect(minutes).toBe('d'.repeat(60) + 'g'.repeat(22 * 60) + 'c'.repeat(60));
    expect(errors).toEqual([]);
  });

  test('keeps its line of today, closed since, also where it is taken out while it runs', async () => {
    chains = [CHAIN, OTHER];
    const coverage = await start();
    for (const chain of chains) coverage.row(chain, MIDNIGHT + HOUR);
    clock.stepWall(MIDNIGHT + 2 * HOUR);
    let next = written(21);
    clock.advance(60_000);
    await next;
    chains = [CHAIN];
    clock.stepWall(MIDNIGHT + 3 * HOUR);
    next = written(21);
    clock.advance(60_000);
    await next;
    await coverage.stop();
    const { feeds } = await file('coverage-20261121.json');
    expect(feeds.okx.trades['A/B'].minutes).toBe(`${'c'.repeat(60)}${'d'.repeat(121)}`);
    expect(feeds.bybit.trades['A/B'].minutes).toBe(`${'c'.repeat(60)}${'d'.repeat(61)}${'c'.repeat(60)}`);
  });

  test('stands in `since` of its day and of the next, also where each day has a run of its own', async () => {
    const since: (readonly string[])[] = [];
    for (let day = 0; day < 4; day++) {
      chains = day === 0 ? [CHAIN, OTHER] : [CHAIN];
      clock.stepWall(MIDNIGHT + day * 24 * HOUR + HOUR);
      const coverage = await start();
      for (const chain of chains) coverage.row(chain, clock.wallUs());
      await coverage.stop();
      since.push(Object.keys((await file(`coverage-202611${21 + day}.json`)).since));
    }
    const [own, other] = ['okx.trades.A/B', 'bybit.trades.A/B'];
    expect(since).toEqual([[own, other], [own, other], [own], [own]]);
  });

  test('is not written over where its file cannot be read, which is told', async () => {
    chains = [CHAIN, OTHER];
    let coverage = await start();
    for (const chain of chains) coverage.row(chain, MIDNIGHT + HOUR);
    await coverage.stop();
    const before = await file('quality-20261121.json');
    chains = [CHAIN];
    coverage = await start();
    coverage.row(CHAIN, MIDNIGHT + HOUR);
    const path = join(root, 'collector', 'coverage-20261121.json');
    await rm(path);
    await mkdir(path);
    clock.stepWall(MIDNIGHT + 2 * HOUR);
    await coverage.stop();
    expect(errors).toContain('collector/coverage');
    expect(await file('quality-20261121.json')).toEqual(before);
  });

  test('is not emptied before it is known what is recorded', async () => {
    let coverage = await start();
    coverage.row(CHAIN, MIDNIGHT + HOUR);
    await coverage.stop();
    const before = await file('quality-20261121.json');
    chains = [];
    clock.stepWall(MIDNIGHT + 2 * HOUR);
    coverage = await start();
    await coverage.stop();
    expect(await file('quality-20261121.json')).toEqual(before);
  });
});
