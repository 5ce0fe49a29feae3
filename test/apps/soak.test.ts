/** A few virtual minutes of soak; and what each check says when what was recorded is broken by hand. */

import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reportMarkdown, type SoakReport } from '../../src/apps/soak/report.ts';
import { virtualReport } from '../../src/apps/soak/run-virtual.ts';
import { runVirtual, type VirtualRun } from '../../src/apps/soak/virtual.ts';

const OPTIONS = { seed: 5, rate: 0.5, faultsPerMinute: 6, totalSec: 240, version: 'test' };
const root = mkdtempSync(join(tmpdir(), 'tapedeck-soak-'));
let run: VirtualRun;
let report: SoakReport;
let copies = 0;

beforeAll(async () => {
  const compressUrl = new URL('../../dist/workers/compress.js', import.meta.url);
  run = await runVirtual({ ...OPTIONS, out: join(root, 'out'), compressUrl, progress: () => undefined });
  report = await judged(run);
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function judged(of: VirtualRun): Promise<SoakReport> {
  const made = await virtualReport(of, OPTIONS, 1_000);
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

/** What is found when a file of the run is changed. */
async function foundAfter(
  file: string,
  change: (lines: string[]) => readonly string[],
): Promise<readonly string[]> {
  const dataDir = join(root, `copy-${copies++}`);
  cpSync(run.dataDir, dataDir, { recursive: true });
  const path = join(dataDir, file);
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(path, `${change(lines).join('\n')}\n`);
  const { passed, findings } = await judged({ ...run, dataDir });
  expect(passed).toBe(findings.length === 0);
  return findings.map(({ check, where }) => `${check} ${where}`);
}

/** Of the last minutes, in which no fault strikes. */
const LATE = -40;
const without = (lines: string[]) => lines.filter((_, index) => index !== lines.length + LATE);

test('minutes of faults and restarts: all is explained, and the numbers are there', () => {
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({
    passed: true,
    kind: 'virtual',
    verify: { verdict: 'explained', chains: 24 },
    books: 8,
  });
  expect(Object.keys(report.faults).length).toBeGreaterThan(5);
  expect(report.gaps.gaps).toBeGreaterThan(20);
  expect(report.gaps.backfilled).toBeGreaterThan(20);
  expect(Object.keys(report.restarts).map((name) => name.split(' ')[0])).toEqual(
    expect.arrayContaining(['feed', 'collector']),
  );
  const trades = Object.values(report.trades);
  expect(trades).toHaveLength(8);
  expect(trades.every(({ market, rows }) => market > 200 && rows > 200)).toBe(true);
  for (const { peak, target } of Object.values(report.requests)) {
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThanOrEqual(target);
  }
  expect(reportMarkdown(report)).toMatch(/^# Soak passed: seed 5, 4 min of virtual time/);
});

test.each([
  'trades-binance-BTC-USDT',
  'trades-bybit-BTC-USDT_USDT',
  'trades-okx-BTC-USDT',
  'trades-bitflyer-BTC-JPY',
])('%s: a row that is taken out, or there twice, or is another, is found', async (stem) => {
  const file = `raw/${stem}.csv`;
  expect(await foundAfter(file, without)).toContain(`trades ${stem}`);
  const twice = (lines: string[]) => [...lines, lines.at(-1) ?? ''];
  expect(await foundAfter(file, twice)).toContain(`trades ${stem}`);
  const other = (lines: string[]) => [
    ...lines.slice(0, -1),
    (lines.at(-1) ?? '').replace(/[^,]+$/, '123456'),
  ];
  expect(await foundAfter(file, other)).toContain(`trades ${stem}`);
});

test("a book whose row is taken out is found; one that ends otherwise than the venue's too", async () => {
  const file = 'raw/orderbook-okx-BTC-USDT.csv';
  expect(await foundAfter(file, without)).toContain('verify orderbook-okx-BTC-USDT.csv');
  expect(await foundAfter(file, (lines) => lines.slice(0, -20))).toContain('books okx BTC/USDT');
});

test('a gap that the ledger no longer tells of is found; one that never ended, where there was time to heal', async () => {
  const isOf = (line: string): boolean =>
    line.includes('"orderbook"') && line.includes('"binance"') && line.includes('"downtime"');
  const found = await foundAfter('collector/gaps.jsonl', (lines) => lines.filter((line) => !isOf(line)));
  expect(found.filter((one) => one.startsWith('verify'))).not.toEqual([]);

  const dataDir = join(root, `copy-${copies++}`);
  cpSync(run.dataDir, dataDir, { recursive: true });
  const last = readFileSync(join(dataDir, 'collector/gaps.jsonl'), 'utf8').trim().split('\n').at(-1) ?? '';
  const open = { ...JSON.parse(last), id: 'left', state: 'open' };
  appendFileSync(join(dataDir, 'collector/gaps.jsonl'), `${JSON.stringify(open)}\n`);
  const { findings } = await judged({ ...run, dataDir, healSec: 300 });
  expect(findings.some(({ check }) => check === 'gaps')).toBe(true);
});

test('more requests in a minute than the target are found', async () => {
  const requests = { ...run.requests, okx: { total: 300, peak: 271, target: 270 } };
  expect((await judged({ ...run, requests })).findings).toMatchObject([{ check: 'requests', where: 'okx' }]);
});
