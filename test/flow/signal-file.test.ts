import { parseString } from 'fast-csv';
import { expect, test } from 'vitest';
import { latestSignals, SIGNAL_HEADER, signalFiles } from '../../src/flow/signal-file.ts';
import type { SignalRow } from '../../src/flow/signals/signal.ts';
import { DAY_US } from './quotes.ts';

const row = (over: Partial<SignalRow> = {}): SignalRow => ({
  timestampUs: DAY_US,
  pair: 'BTC/USDT',
  signal: 'mid_trend',
  value: -1.25,
  direction: 'down',
  strength: 0.5,
  features: { mid: 63707.255, spread: 0.01 },
  exchange: 'binance',
  ...over,
});

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

test('the bytes of a row, and what a CSV reader makes of them', async () => {
  const [file] = signalFiles({ rows: [row()] });
  expect(file?.header).toBe('timestamp,pair,signal,value,direction,strength,features,exchange');
  expect(text(file?.bytes)).toBe(
    `${DAY_US},BTC/USDT,mid_trend,-1.25,down,0.5,"{""mid"":63707.255,""spread"":0.01}",binance\n`,
  );
  const read: Record<string, string>[] = [];
  await new Promise((resolve, reject) => {
    parseString(`${SIGNAL_HEADER}\n${text(file?.bytes)}`, { headers: true })
      .on('data', (one) => read.push(one))
      .on('error', reject)
      .on('end', resolve);
  });
  expect(read).toHaveLength(1);
  expect(JSON.parse(read[0]?.features ?? '')).toEqual({ mid: 63707.255, spread: 0.01 });
  expect(read[0]?.exchange).toBe('binance');
});

test('a file per pair and UTC day of the timestamp, rows in order', () => {
  const files = signalFiles({
    rows: [
      row({ timestampUs: DAY_US - 1 }),
      row({ timestampUs: DAY_US }),
      row({ pair: 'BTC/USDT:USDT', exchange: 'okx' }),
      row({ timestampUs: DAY_US - 1, exchange: 'okx' }),
    ],
  });
  expect(files.map(({ file, rows }) => [file, rows])).toEqual([
    ['signals/signal-BTC-USDT-20261120.csv', 2],
    ['signals/signal-BTC-USDT-20261121.csv', 1],
    ['signals/signal-BTC-USDT_USDT-20261121.csv', 1],
  ]);
  expect(text(files[0]?.bytes).match(/(binance|okx)\n/g)).toEqual(['binance\n', 'okx\n']);
});

test('numbers without exponents in their own cells', () => {
  const [file] = signalFiles({ rows: [row({ value: -0, strength: 1e-7, features: {} })] });
  expect(text(file?.bytes)).toBe(`${DAY_US},BTC/USDT,mid_trend,0,down,0.0000001,{},binance\n`);
});

test('latest: the newest row per pair, signal and exchange', () => {
  const rows = latestSignals({
    rows: [
      row(),
      row({ exchange: 'okx' }),
      row({ value: 3 }),
      row({ signal: 'other' }),
      row({ pair: 'ETH/USDT' }),
    ],
  });
  expect(rows.map(({ key }) => key)).toEqual([
    '["BTC/USDT","mid_trend","binance"]',
    '["BTC/USDT","mid_trend","okx"]',
    '["BTC/USDT","other","binance"]',
    '["ETH/USDT","mid_trend","binance"]',
  ]);
  expect(rows[0]).toMatchObject({ file: 'latest/signal-latest.csv', header: SIGNAL_HEADER });
  expect(rows[0]?.row).toContain(',mid_trend,3,');
});

test('nothing in, nothing out', () => {
  expect([signalFiles({ rows: [] }), latestSignals({ rows: [] })]).toEqual([[], []]);
});
