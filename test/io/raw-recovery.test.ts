import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { feedOfRawFile, HEADERS } from '../../src/flow/rows.ts';
import { type FileReport, makeFolder, nodeFileOps } from '../../src/io/file-ops.ts';
import { recoverRaw } from '../../src/io/raw-recovery.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';
import { removeFolder, systemError, tempFolder } from '../support/files.ts';

let root: string;
const reports: FileReport[] = [];
beforeEach(async () => {
  root = await tempFolder();
  reports.length = 0;
  await makeFolder(nodeFileOps, join(root, 'raw'));
});
afterEach(() => removeFolder(root));

const DAY_US = 86_400_000_000;
const row = (us: number, id: number): string => `okx,BTC/USDT,${us},${us},${id},buy,1,2\n`;

function recover(seal: (file: string, day: string) => Promise<void>): Promise<void> {
  return recoverRaw({
    dataDir: root,
    clock: manualClock(),
    ops: nodeFileOps,
    report: (report) => void reports.push(report),
    headerOf(name) {
      const feed = feedOfRawFile(name);
      return feed === null ? null : HEADERS[feed];
    },
    seal,
  });
}

test('torn tails are cut, files of another day are taken away, the others are left as they are', async () => {
  const yesterday = `${HEADERS.trades}\n${row(CLOCK_START_US - DAY_US, 1)}`;
  const today = `${HEADERS.trades}\n${row(CLOCK_START_US, 2)}`;
  const files = {
    'trades-okx-BTC-USDT.csv': `${yesterday}okx,BTC`,
    'trades-okx-ETH-USDT.csv': today,
    'trades-okx-NEW-USDT.csv': HEADERS.trades.slice(0, 9),
    'trades-okx-XRP-USDT.columns-20261101T000000.000000Z.csv': 'other,columns\n1,2\n',
    'instruments.json': '[]',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'raw', name), text);
  const sealed: string[] = [];
  await recover(async (file, day) => {
    sealed.push(`${file} ${day}`);
    await rename(join(root, file), join(root, 'taken.csv'));
  });
  const day = new Date((CLOCK_START_US - DAY_US) / 1000).toISOString().slice(0, 10);
  expect(sealed).toEqual([`raw/trades-okx-BTC-USDT.csv ${day}`]);
  expect(await readFile(join(root, 'taken.csv'), 'utf8')).toBe(yesterday);
  const names = await readdir(join(root, 'raw'));
  expect(names.filter((name) => name.includes('.torn-'))).toHaveLength(2);
  expect(await readFile(join(root, 'raw/trades-okx-ETH-USDT.csv'), 'utf8')).toBe(today);
  expect(await readFile(join(root, 'raw/trades-okx-NEW-USDT.csv'), 'utf8')).toBe('');
  expect(names).toContain('trades-okx-XRP-USDT.columns-20261101T000000.000000Z.csv');
  expect(reports.map(({ scope, reason }) => `${scope} ${reason}`)).toEqual([
    'raw/trades-okx-BTC-USDT.csv torn_tail',
    'raw/trades-okx-NEW-USDT.csv torn_tail',
  ]);
});

test('a file that cannot be taken away is told, and keeps its rows', async () => {
  const text = `${HEADERS.trades}\n${row(CLOCK_START_US - DAY_US, 1)}`;
  await writeFile(join(root, 'raw/trades-okx-BTC-USDT.csv'), text);
  await recover(() => Promise.reject(systemError('EROFS')));
  expect(reports).toMatchObject([{ type: 'error', scope: 'raw/trades-okx-BTC-USDT.csv', reason: 'EROFS' }]);
  expect(await readFile(join(root, 'raw/trades-okx-BTC-USDT.csv'), 'utf8')).toBe(text);
});
