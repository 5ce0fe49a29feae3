import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileReport, nodeFileOps } from '../../src/io/file-ops.ts';
import {
  createQuarantine,
  type Quarantine,
  type QuarantinedValue,
  type QuarantineOptions,
} from '../../src/io/quarantine.ts';
import { manualClock } from '../support/clock.ts';
import { opsWith, removeFolder, systemError, tempFolder } from '../support/files.ts';

let root: string;
let reports: FileReport[];
const clock = manualClock();
beforeEach(async () => {
  root = await tempFolder();
  reports = [];
});
afterEach(() => removeFolder(root));

const open = (options: Partial<QuarantineOptions> = {}): Quarantine =>
  createQuarantine({ dataDir: root, clock, report: (report) => reports.push(report), ...options });

const value = (event: string, more: Partial<QuarantinedValue> = {}): QuarantinedValue => ({
  venue: 'okx',
  feed: 'trades',
  symbol: 'BTC/USDT',
  reason: 'no digits',
  event,
  ...more,
});

const lines = async (file = 'okx.trades.jsonl') =>
  (await readFile(join(root, 'quarantine', file), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as QuarantinedValue);

describe('the quarantine', () => {
  test('keeps each value as a line of its feed’s file, in order', async () => {
    const quarantine = open();
    for (let n = 0; n < 100; n++) quarantine.add(value(`{"n":${n}}\n\u2028`));
    quarantine.add(value('x', { venue: 'bybit', feed: 'ticker' }));
    await quarantine.settled();
    expect(await readFile(join(root, 'quarantine/bybit.ticker.jsonl'), 'utf8')).toBe(
      '{"ts":1795219200,"venue":"bybit","feed":"ticker","symbol":"BTC/USDT","reason":"no digits","event":"x"}\n',
    );
    expect((await lines()).map((line) => line.event)).toEqual(
      Array.from({ length: 100 }, (_, n) => `{"n":${n}}\n\u2028`),
    );
    expect(quarantine.status()).toEqual({ count: 101, errors: 0, last_error: null });
    expect(reports).toEqual([]);
  });

  test('a file is bounded, over restarts too; what comes after is counted, and said once', async () => {
    const line = `{"ts":1795219200,"venue":"okx","feed":"trades","symbol":"BTC/USDT","reason":"no digits","event":"12"}\n`;
    const maxBytes = line.length * 5;
    const first = open({ maxBytes });
    for (let n = 0; n < 3; n++) first.add(value('12'));
    await first.settled();
    const second = open({ maxBytes });
    for (let n = 0; n < 10; n++) second.add(value('12'));
    second.add(value('12', { feed: 'ticker' }));
    await second.settled();
    for (let n = 0; n < 10; n++) second.add(value('12'));
    await second.settled();
    expect(await lines()).toHaveLength(5);
    expect(await lines('okx.ticker.jsonl')).toHaveLength(1);
    expect(second.status()).toEqual({ count: 21, errors: 0, last_error: null });
    expect(reports).toEqual([
      {
        type: 'error',
        scope: 'quarantine/okx.trades.jsonl',
        reason: 'full',
        message: `${maxBytes} bytes: what comes now is only counted`,
      },
    ]);
  });

  test('a disk that fails is counted, told once, and tried again with the next value', async () => {
    let broken = true;
    const quarantine = open({
      ops: opsWith({
        write: (...args) => (broken ? Promise.reject(systemError('ENOSPC')) : nodeFileOps.write(...args)),
      }),
      maxBytes: 400,
    });
    for (let n = 0; n < 20; n++) {
      quarantine.add(value('12'));
      await quarantine.settled();
    }
    expect(quarantine.status()).toMatchObject({ count: 20, errors: 20 });
    expect(quarantine.status().last_error).toContain('ENOSPC');
    expect(reports).toMatchObject([{ type: 'error', reason: 'ENOSPC' }]);
    broken = false;
    quarantine.add(value('34'));
    await quarantine.settled();
    expect((await lines()).map((line) => line.event)).toEqual(['34']);
  });

  test('a file that cannot be looked at costs values, not the program', async () => {
    await writeFile(join(root, 'quarantine'), '');
    const quarantine = open();
    quarantine.add(value('1'));
    await quarantine.settled();
    expect(quarantine.status()).toMatchObject({ count: 1, errors: 1 });
    expect(quarantine.status().last_error).toContain('ENOTDIR');
    await rm(join(root, 'quarantine'));
    quarantine.add(value('2'));
    await quarantine.settled();
    expect((await lines()).map((line) => line.event)).toEqual(['2']);
  });

  test('bounds what waits for a disk that hangs', async () => {
    let release: () => void = () => undefined;
    const hang = new Promise<void>((resolve) => {
      release = resolve;
    });
    const quarantine = open({
      ops: opsWith({ open: (...args) => hang.then(() => nodeFileOps.open(...args)) }),
    });
    for (let n = 0; n < 100; n++) quarantine.add(value('x'.repeat(1024 * 1024 - 200)));
    expect(quarantine.status()).toMatchObject({
      count: 100,
      errors: 96,
      last_error: 'quarantine/okx.trades.jsonl: the disk does not take the values',
    });
    release();
    await quarantine.settled();
    expect(await lines()).toHaveLength(4);
    quarantine.add(value('y'.repeat(5 * 1024 * 1024)));
    await quarantine.settled();
    expect(await lines()).toHaveLength(5);
  });

  test.each(['../../evil', 'a\\b', 'a/../b', 'a\0b'])(
    'an id that is no file name is refused: %j',
    async (venue) => {
      await mkdir(join(root, 'quarantine'));
      const quarantine = open();
      quarantine.add(value('1', { venue }));
      await quarantine.settled();
      expect(quarantine.status()).toMatchObject({ count: 1, errors: 1 });
      expect(await readdir(join(root, 'quarantine'))).toEqual([]);
      expect(await readdir(root)).toEqual(['quarantine']);
    },
  );

  test('goes on behind a torn line of a killed process', async () => {
    await mkdir(join(root, 'quarantine'));
    await writeFile(join(root, 'quarantine/okx.trades.jsonl'), '{"ts":1,"ven');
    const quarantine = open();
    quarantine.add(value('1'));
    await quarantine.settled();
    expect(await lines()).toHaveLength(1);
    expect(reports).toMatchObject([{ type: 'repair', reason: 'torn_tail' }]);
  });
});
