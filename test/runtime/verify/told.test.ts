/** Files of rows that are gone, and what the collector's own files tell of them. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../../src/runtime/verify/verify.ts';
import {
  append,
  BINANCE,
  put,
  putArchive,
  putGap,
  putLive,
  SECOND,
  T0,
  ticker,
  trade,
  trades,
  verified,
} from '../../support/data-files.ts';
import { removeFolder, tempFolder } from '../../support/files.ts';

let dir: string;
beforeEach(async () => {
  dir = await tempFolder();
});
afterEach(() => removeFolder(dir));

const TS = T0 / SECOND;
const CAPTURE = gzipSync(`${JSON.stringify({ t: 'header', ts: TS, venue: 'okx' })}\n`);
const start = (ts = TS): void =>
  append(dir, 'collector/events.jsonl', { ts, type: 'start', scope: 'collector' });
const putCoverage = (since: Readonly<Record<string, number>>, ts = TS + 60, day = '20261121'): void =>
  put(
    dir,
    `collector/coverage-${day}.json`,
    JSON.stringify({ schema_version: 1, ts, day, since, feeds: {} }),
  );

const run = (sparse: readonly string[] = []) =>
  verify({ dataDir: dir, nowUs: T0, sparse, progress: () => undefined });

describe('rows that the collector tells of', () => {
  beforeEach(() => {
    start();
    put(dir, 'raw/instruments.json', '[]');
    putLive(dir, 'trades', trades(5));
    putLive(dir, 'ticker', [ticker(T0)]);
    putCoverage({ 'binance.trades.BTC/USDT': TS, 'binance.ticker.BTC/USDT': TS + 1 });
  });

  it('are there', async () => {
    expect(await verified(dir)).toMatchObject({ exit_code: 0, holes: [], remarks: [] });
  });

  it('are missed with the file of one chain', async () => {
    rmSync(join(dir, 'raw/ticker-binance-BTC-USDT.csv'));
    const { exit_code, holes } = await verified(dir);
    expect(exit_code).toBe(2);
    expect(holes).toMatchObject([
      {
        ...{ kind: 'file', ...BINANCE, feed: 'ticker', file: 'raw/ticker-binance-BTC-USDT.csv' },
        ...{ explained_by: [], from: { local_ts: TS + 1 } },
      },
    ]);
  });

  it.each(['with captures', 'alone'])('are missed with all of raw/, %s', async (how) => {
    rmSync(join(dir, 'raw'), { recursive: true });
    if (how === 'with captures') put(dir, 'capture/okx/trades/2026-11-21/09.jsonl.gz', CAPTURE);
    const { exit_code, holes, ledger } = await verified(dir);
    expect([exit_code, holes.map(({ kind }) => kind)]).toEqual([2, ['file', 'file']]);
    expect(ledger.faults).toEqual(['raw/ is not there, and events.jsonl tells of a start']);
  });

  it('are there while one archive of them is, or retention removed it', async () => {
    rmSync(join(dir, 'raw/trades-binance-BTC-USDT.csv'));
    const file = putArchive(dir, 'trades', trades(5));
    expect((await verified(dir)).exit_code).toBe(0);
    rmSync(join(dir, file));
    append(dir, 'raw/archive/removed.jsonl', { file, ts: TS, reason: 'age' });
    expect((await verified(dir)).exit_code).toBe(0);
  });

  it('may not be on disk yet when they had just come; of chains the newest file tells', async () => {
    putCoverage({ 'binance.trades.ETH/USDT': TS }, TS + 60, '20261120');
    putCoverage({ 'binance.trades.ETH/USDT': TS + 55 });
    expect((await verified(dir)).exit_code).toBe(0);
    putCoverage({ 'binance.trades.ETH/USDT': TS + 45 });
    expect((await verified(dir)).exit_code).toBe(2);
  });

  it('cannot be told by a broken file, which is damage', async () => {
    put(dir, 'collector/coverage-20261121.json', '{"ts":1');
    const { exit_code, ledger } = await verified(dir);
    expect([exit_code, ledger.faults]).toEqual([
      2,
      ['collector/coverage-20261121.json: it is not what a coverage file should be'],
    ]);
  });
});

it('a gap tells of rows, where there is none at all', async () => {
  put(dir, 'raw/instruments.json', '[]');
  put(dir, 'capture/okx/trades/2026-11-21/09.jsonl.gz', CAPTURE);
  expect((await verified(dir)).exit_code).toBe(0);
  putGap(dir, { from: { local_ts: TS }, to: { local_ts: TS + 1 }, repaired: 'full' });
  const { exit_code, ledger } = await verified(dir);
  expect([exit_code, ledger.faults]).toEqual([
    2,
    ['raw/ holds no rows, and gaps.jsonl tells of gaps in them'],
  ]);
});

it('captures that stand alone are taken as they are; a run that gave nothing has recorded nothing', async () => {
  put(dir, 'capture/okx/trades/2026-11-21/09.jsonl.gz', CAPTURE);
  expect((await verified(dir)).exit_code).toBe(0);
  rmSync(join(dir, 'capture'), { recursive: true });
  start();
  put(dir, 'raw/instruments.json', '[]');
  putCoverage({});
  expect(await run()).toMatchObject({ error: { code: 'ENOENT' } });
});

it('a missing instruments.json is a remark', async () => {
  putLive(dir, 'trades', trades(5));
  expect(await verified(dir)).toMatchObject({
    exit_code: 0,
    remarks: ['raw/instruments.json is not there: what amounts mean is not told'],
  });
});

it.each(['trades-okx-BTC-USDT', 'trades', 'ticker-binance-BTC-USDT'])(
  '--sparse %s is refused',
  async (name) => {
    putLive(dir, 'trades', trades(5));
    putLive(dir, 'ticker', [ticker(T0)]);
    expect(await run(['trades-binance-BTC-USDT', name])).toMatchObject({
      error: { code: 'unknown_name', message: `--sparse: no file of trades there is ${name}` },
    });
  },
);

describe('a row that was received after the collector’s last word', () => {
  const HOUR = 3_600 * SECOND;
  const row = (us: number): string => trade({ id: 1_003, us });
  const faults = async () => {
    const { exit_code, files } = await verified(dir);
    return [exit_code, files.flatMap(({ fault_list }) => fault_list.map(({ kind, line }) => [kind, line]))];
  };
  beforeEach(() => {
    start();
    putCoverage({ 'binance.trades.BTC/USDT': TS });
  });

  it('is damage beyond an hour, as the last one too', async () => {
    putLive(dir, 'trades', [...trades(3), row(T0 + 60 * SECOND + HOUR)]);
    expect(await faults()).toEqual([0, []]);
    putLive(dir, 'trades', [...trades(3), row(T0 + 60 * SECOND + HOUR + 1)]);
    expect(await faults()).toEqual([2, [['ahead', 5]]]);
    putLive(dir, 'trades', [...trades(3), row(T0 + 365 * 24 * HOUR)]);
    expect(await faults()).toEqual([2, [['ahead', 5]]]);
  });

  it('is none while a step of the clock, or any other line, is as late', async () => {
    putLive(dir, 'trades', [...trades(3), row(T0 + 365 * 24 * HOUR)]);
    const from_ts = TS + 365 * 24 * 3_600;
    append(dir, 'collector/events.jsonl', {
      ts: TS,
      type: 'clock_step',
      scope: 'collector',
      from_ts,
      to_ts: TS,
    });
    expect(await faults()).toEqual([0, []]);
  });

  it('cannot be told of a run that wrote no coverage', async () => {
    putLive(dir, 'trades', [...trades(3), row(T0 + 2 * HOUR)]);
    start(TS + 61);
    expect(await faults()).toEqual([0, []]);
    start(TS + 30);
    expect(await faults()).toEqual([2, [['ahead', 5]]]);
  });
});
