import { expect, test } from 'vitest';
import type { Located } from '../../src/core/venue.ts';
import type { CsvRecord } from '../../src/io/csv-read.ts';
import { type ResumePort, resumeFeed } from '../../src/runtime/resume.ts';
import { systemError } from '../support/files.ts';

const located = (symbol: string): Located => ({ symbol, id: symbol, market: 'spot' });
const row = (id: number): string => `okx,A/B,1,${id}000000,${id},buy,1,2\n`;
const record = (id: number): CsvRecord => ({ id: String(id), local_timestamp: `${id}000000` });

function portOf(
  tails: Readonly<Record<string, readonly CsvRecord[]>>,
): ResumePort & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    async tail(file, count) {
      const rows = tails[file];
      if (rows === undefined) throw systemError('EIO');
      return rows.slice(-count);
    },
    wasFilled: () => false,
    waiting: (file) => (file.includes('A-B') ? [Buffer.from(`${row(7)}${row(8)}`)] : []),
    onError: (file, { code }) => told.push(`${file} ${code}`),
  };
}

test('the newest ids: of the file, then of what waits for it', async () => {
  const { seen, last } = await resumeFeed(
    'okx',
    'trades',
    [located('A/B'), located('C/D')],
    portOf({
      'raw/trades-okx-A-B.csv': [record(5), record(6)],
      'raw/trades-okx-C-D.csv': [],
    }),
  );
  expect(seen).toEqual({ 'A/B': ['5', '6', '7', '8'] });
  expect(last).toEqual({ 'A/B': { id: '8', ts: 0.000001, local_ts: 8 } });
});

test('a file that cannot be read is told, and costs no other symbol its ids', async () => {
  const port = portOf({ 'raw/trades-okx-C-D.csv': [record(5)] });
  const { seen } = await resumeFeed('okx', 'trades', [located('A/B'), located('C/D')], port);
  expect(seen).toEqual({ 'A/B': ['7', '8'], 'C/D': ['5'] });
  expect(port.told).toEqual(['raw/trades-okx-A-B.csv EIO']);
});

test('a book tells where it stood, and no ids', async () => {
  const port = portOf({
    'raw/orderbook-okx-C-D.csv': [{ sequence: '42', timestamp: '9000000', local_timestamp: '9500000' }],
  });
  const { seen, last } = await resumeFeed('okx', 'orderbook', [located('C/D')], port);
  expect(seen).toEqual({});
  expect(last).toEqual({ 'C/D': { seq: 42, ts: 9, local_ts: 9.5 } });
});
