/** Files of any size in bounded memory: a large chain under a small heap, in a process of its own. */

import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HEADERS } from '../../src/flow/rows.ts';
import type { VerifyReport } from '../../src/runtime/verify/report.ts';
import { BINANCE, book, SECOND, T0, trade } from '../support/data-files.ts';
import { PROJECT } from '../support/place.ts';

const dir = mkdtempSync(join(tmpdir(), 'tapedeck-verify-memory-'));
afterAll(() => rmSync(dir, { recursive: true }));

const MB = 1024 * 1024;

/** Rows until there are so many bytes; gives their number. */
function fill(file: string, header: string, bytes: number, rowAt: (index: number) => string): number {
  const fd = openSync(join(dir, file), 'w');
  let written = writeSync(fd, `${header}\n`);
  let rows = 0;
  while (written < bytes) {
    const block = Array.from({ length: 2_000 }, (_, index) => `${rowAt(rows + index)}\n`).join('');
    rows += 2_000;
    written += writeSync(fd, block);
  }
  closeSync(fd);
  return rows;
}

test('220 MB under a heap of 48 MB, and every hole of 1,000 counted', () => {
  mkdirSync(join(dir, 'raw'));
  const side = Array.from({ length: 40 }, (_, level) => [String(50_000 - level), '0.5'] as const);
  const row = (index: number) => {
    const us = T0 + index * 100_000;
    const [seq, bids] = [500 + index, side.slice(index % 20)];
    return index === 0
      ? book({ us, seq, asks: [['60000', '1']] })
      : book({ us, seq, prev: seq - 1, of: 500, bids });
  };
  const books = fill('raw/orderbook-binance-BTC-USDT.csv', HEADERS.orderbook, 140 * MB, row);
  const id = (index: number) => index + Math.floor(index / 900);
  const sold = (index: number) => trade({ id: id(index), us: T0 + index * 10_000 });
  const trades = fill('raw/trades-binance-BTC-USDT.csv', HEADERS.trades, 80 * MB, sold);

  const cli = join(PROJECT, 'dist/ops/cli.js');
  const script = `process.on('exit', () => console.error(process.resourceUsage().maxRSS)); process.argv.splice(1, 0, ${JSON.stringify(cli)}); await import(process.argv[1]);`;
  const args = ['--max-old-space-size=48', '--input-type=module', '-e', script, 'verify', dir, '--json'];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 64 * MB });
  const report = JSON.parse(run.stdout) as VerifyReport;
  expect(report.bytes).toBeGreaterThan(220 * MB);
  expect(report.rows).toBe(books + trades);
  expect(report.files.map(({ faults }) => faults)).toEqual([{}, {}]);
  const holes = Math.floor((trades - 1) / 900);
  expect(report.files[1]?.ids).toMatchObject({ rule: 'dense', missing: holes });
  expect(report.files[1]?.holes.unexplained).toBe(holes);
  expect(holes).toBeGreaterThan(1_000);
  // Listed up to a bound, counted all.
  expect(report.holes.length).toBe(1_000);
  expect([run.status, report.exit_code]).toEqual([2, 2]);
  // kB. Node itself takes some 60 MB.
  expect(Number(run.stderr.trim())).toBeLessThan(200 * 1024);
  expect(report.files[1]?.last_ts).toBeCloseTo((T0 + (trades - 1) * 10_000) / SECOND, 3);
  expect(report.files[0]?.venue).toBe(BINANCE.venue);
}, 180_000);
