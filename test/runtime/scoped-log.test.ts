import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLog } from '../../src/io/log.ts';
import { createScopedLog } from '../../src/runtime/scoped-log.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let folder: string;
beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(() => removeFolder(folder));

test('each line is bound to its worker and venue, or to nobody, and holds no secret', async () => {
  const log = await openLog(folder, manualClock(), 'info');
  if (!log.ok) throw new Error(log.error.message);
  const tell = createScopedLog(
    log.value.logger,
    (id) => id === 'binance' || id === 'okx',
    (text) => text.replace('s3cret', '***'),
  );
  tell('info', { scope: 'binance.trades', type: 'reconnect' }, 'reconnect');
  tell('error', { scope: 'okx', code: 'E', message: 'at s3cret' }, 'error');
  tell('warn', { scope: 'raw/trades-okx-BTC-USDT.csv' }, 'file');
  tell('debug', { scope: 'okx.ticker' }, 'below its level');
  await log.value.close();
  const lines = (await readFile(log.value.file, 'utf8')).trimEnd().split('\n');
  const common = { app: 'collector', time: '2026-11-21T00:00:00.000Z' };
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    {
      ...{ ...common, level: 30, venue: 'binance', worker: 'binance.trades' },
      ...{ scope: 'binance.trades', type: 'reconnect', msg: 'reconnect' },
    },
    { ...common, level: 50, venue: 'okx', scope: 'okx', code: 'E', message: 'at ***', msg: 'error' },
    { ...common, level: 40, scope: 'raw/trades-okx-BTC-USDT.csv', msg: 'file' },
  ]);
});
