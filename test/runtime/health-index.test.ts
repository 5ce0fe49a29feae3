/** Real files. */

import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Failure } from '../../src/core/result.ts';
import { judgedFiles, startHealthIndex } from '../../src/runtime/health-index.ts';
import { buildStatus, type StatusObject } from '../../src/runtime/status.ts';
import { CLOCK_START_US, type ManualClock, manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { FEED, inputOf, tallyOf, threadOf } from '../support/status.ts';

let root: string;
let clock: ManualClock;
const failures: string[] = [];
beforeEach(async () => {
  root = await tempFolder();
  clock = manualClock();
  failures.length = 0;
});
afterEach(() => removeFolder(root));

function statusOf(symbols: readonly string[]): StatusObject {
  const one = {
    state: 'synced',
    lastLocalUs: 0,
    events: 0,
    resyncs: 0,
    dropped: 0,
    backfilled: 0,
    missing: 0,
  } as const;
  const status = { ...FEED, symbols: Object.fromEntries(symbols.map((symbol) => [symbol, one])) };
  const tally = tallyOf(manualClock(), symbols.slice(0, 1));
  return buildStatus(inputOf([{ thread: threadOf('running', status), tally }])).object;
}

async function put(file: string, bytes: number, ageSec: number): Promise<void> {
  const path = join(root, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'x'.repeat(bytes));
  const sec = CLOCK_START_US / 1e6 + 5 - ageSec;
  await utimes(path, sec, sec);
}

function start(status: StatusObject | null) {
  return startHealthIndex({
    dataDir: root,
    clock,
    status: () => status,
    onError: (scope, { code }: Failure) => failures.push(`${scope} ${code}`),
  });
}

describe('debug/health/index.json', () => {
  test('each file with its size, its age, and the level of its symbol', async () => {
    await put('raw/orderbook-okx-BTC-USDT.csv', 1_536, 2.5);
    await put('raw/orderbook-okx-ETH-USDT.csv', 100, 99);
    await put('latest/orderbook-okx.csv', 0, 1);
    await put('signals/signal-BTC-USDT-20261121.csv', 10_240, 30);
    await put('collector/status.json', 1_024, 4);
    await put('collector/rate_stats.json', 1_024, 16);
    const index = start(statusOf(['BTC/USDT', 'ETH/USDT']));
    clock.advance(5_000);
    await index.stop();
    const { ts, files } = JSON.parse(await readFile(join(root, 'debug/health/index.json'), 'utf8')) as {
      ts: number;
      files: object[];
    };
    expect(ts).toBe(CLOCK_START_US / 1e6 + 5);
    const missing = { size_kb: null, age_sec: null, status: 'MISSING' };
    expect(files).toEqual([
      { filename: 'raw/orderbook-okx-BTC-USDT.csv', size_kb: 1.5, age_sec: 2.5, status: 'OK' },
      { filename: 'raw/orderbook-okx-ETH-USDT.csv', size_kb: 0.1, age_sec: 99, status: 'CRIT' },
      { filename: 'latest/orderbook-okx.csv', size_kb: 0, age_sec: 1, status: 'WARN' },
      { filename: 'latest/book-okx.json', ...missing },
      { filename: 'latest/features.csv', ...missing },
      { filename: 'latest/signal-latest.csv', ...missing },
      { filename: 'signals/signal-BTC-USDT-20261121.csv', size_kb: 10, age_sec: 30, status: 'OK' },
      { filename: 'signals/signal-ETH-USDT-20261121.csv', ...missing },
      { filename: 'collector/status.json', size_kb: 1, age_sec: 4, status: 'OK' },
      { filename: 'collector/rate_stats.json', size_kb: 1, age_sec: 16, status: 'CRIT' },
    ]);
    expect(failures).toEqual([]);
  });

  test('every five seconds; of 900 files no more often than every fifteen', async () => {
    const text = () => readFile(join(root, 'debug/health/index.json'), 'utf8').catch(() => '');
    const symbols = Array.from({ length: 450 }, (_, at) => `S${at}/USDT`);
    const many = statusOf(symbols);
    expect(judgedFiles(many).length).toBeGreaterThan(900);
    const index = start(many);
    const next = async (): Promise<void> => {
      while (clock.pending() === 0) await new Promise(setImmediate);
    };
    clock.advance(5_000);
    await next();
    const first = await text();
    clock.advance(14_999);
    // It still waits: nothing is under way.
    expect([clock.pending(), await text()]).toEqual([1, first]);
    clock.advance(5_000);
    await next();
    expect(await text()).not.toBe(first);
    await index.stop();
    expect(clock.pending()).toBe(0);
  });

  test('nothing before the first look, and nothing after the stop', async () => {
    const index = start(null);
    clock.advance(5_000);
    await index.stop();
    clock.advance(60_000);
    await expect(readFile(join(root, 'debug/health/index.json'))).rejects.toThrow('ENOENT');
    expect(clock.pending()).toBe(0);
  });

  test('a folder that cannot be written is told', async () => {
    await writeFile(join(root, 'debug'), '');
    const index = start(statusOf(['BTC/USDT']));
    clock.advance(5_000);
    await index.stop();
    expect(failures).toEqual(['debug/health/index.json ENOTDIR']);
  });
});
