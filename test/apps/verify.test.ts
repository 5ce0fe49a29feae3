/** `tapedeck verify` and `tapedeck book` as their users run them, over what the real collector recorded. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runBook } from '../../src/apps/book.ts';
import type { Console } from '../../src/apps/console.ts';
import { levelsOf } from '../../src/core/book.ts';
import { bookAt } from '../../src/runtime/verify/book-at.ts';
import type { VerifyReport } from '../../src/runtime/verify/report.ts';
import { hasFile, type Run, type Status, simulator, startCollector, until } from '../support/collector.ts';
import { books, put, putArchive, putGap, putLive, SECOND, T0, trades } from '../support/data-files.ts';
import { fileOf, SYMBOLS } from '../support/journal.ts';
import { PROJECT, testPlace } from '../support/place.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-verify-'));
const runs: Run[] = [];
afterAll(() => {
  for (const run of runs) run.process.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

function tapedeck(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(PROJECT, 'dist/ops/cli.js'), ...args],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return { status, stdout, stderr };
}

const verifyJson = (dir: string): VerifyReport =>
  JSON.parse(tapedeck('verify', dir, '--json').stdout) as VerifyReport;

describe('what the collector recorded', () => {
  const folder = join(root, 'run');
  const data = join(folder, 'data');
  let stopSim: () => Promise<void>;
  let venues: object;

  beforeAll(async () => {
    const { sim } = await simulator(8);
    stopSim = () => sim.stop();
    venues = Object.fromEntries(
      Object.entries(SYMBOLS).map(([id, symbols]) => [id, { symbols, endpoints: sim.endpoints[id] }]),
    );
  });
  afterAll(() => stopSim());

  const start = async (rows: number): Promise<Run> => {
    const run = startCollector(folder, venues);
    runs.push(run);
    await until('everything flows', () => {
      if (!hasFile(folder, 'runtime/READY')) return false;
      // The status of an earlier run stands there until this one writes its own.
      const { pid, workers } = run.status() as Status & { readonly pid: number };
      return (
        pid === run.process.pid &&
        workers.length === 12 &&
        workers.every((worker) => worker.rows_written > rows)
      );
    });
    return run;
  };

  const lastOf = (name: string): Readonly<Record<'us' | 'seq', number>> => {
    const [row = ''] = readFileSync(join(data, 'raw', name), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-1);
    const cells = row.split(',');
    return { us: Number(cells[3]), seq: Number(cells[5]) };
  };

  const idsIn = (name: string): readonly number[] =>
    readFileSync(join(data, 'raw', name), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((row) => Number(row.split(',')[4]));

  test('is clean', async () => {
    const run = await start(40);
    run.process.kill('SIGTERM');
    expect(await run.exit).toBe(0);
    const report = verifyJson(data);
    const troubles = report.files.filter(({ verdict }) => verdict !== 'clean');
    expect([report.verdict, report.exit_code, troubles]).toEqual(['clean', 0, []]);
    expect(report.files.length).toBe(36);
    expect(report.rows).toBeGreaterThan(36 * 10);
    expect(report.files.filter(({ ids }) => ids?.rule === 'dense').length).toBe(3);
    const text = tapedeck('verify', data);
    expect([text.status, text.stderr]).toEqual([0, '']);
    expect(text.stdout.trimEnd().split('\n').at(-1)).toMatch(/^clean: /);
  }, 60_000);

  test('has holes after a kill: the ledger explains each, and the trades of the time are there', async () => {
    const before = lastOf('orderbook-okx-BTC-USDT.csv');
    const run = await start(20);
    run.process.kill('SIGKILL');
    await run.exit;
    const again = await start(20);
    await untilFilled(data);
    again.process.kill('SIGTERM');
    expect(await again.exit).toBe(0);

    const report = verifyJson(data);
    expect([report.verdict, report.ledger]).toMatchObject([
      'explained',
      { present: true, malformed: 0, open: 0 },
    ]);
    expect(report.files.flatMap(({ fault_list }) => fault_list)).toEqual([]);
    // Two restarts: every book was joined anew twice.
    const ofBook = report.holes.filter(({ kind }) => kind === 'book');
    expect(ofBook.length).toBe(2 * 12);
    const okx = ofBook.find(({ venue, symbol }) => venue === 'okx' && symbol === 'BTC/USDT');
    expect(okx?.from).toMatchObject({ local_ts: before.us / SECOND, seq: before.seq });
    expect(okx?.explained_by).toHaveLength(1);
    // The simulator's markets went on meanwhile; what nobody was told was fetched.
    for (const symbol of SYMBOLS.binance) {
      const ids = idsIn(fileOf('trades', 'binance', symbol));
      expect([symbol, Math.max(...ids) - Math.min(...ids) + 1 - ids.length]).toEqual([symbol, 0]);
      const chain = report.files.find(({ file }) => file === fileOf('trades', 'binance', symbol));
      expect([symbol, chain?.ids]).toMatchObject([symbol, { rule: 'dense', missing: 0, duplicates: 0 }]);
    }
  }, 90_000);

  test('gives every kept book back as it was at the end', async () => {
    const all = Object.entries(SYMBOLS).flatMap(([venue, symbols]) =>
      symbols.map((symbol) => ({ venue, symbol })),
    );
    for (const { venue, symbol } of all) {
      const found = await bookAt({ dataDir: data, venue, symbol, atUs: 4_000_000_000_000_000 });
      if (!found.ok) throw new Error(found.error.message);
      const kept = (
        JSON.parse(readFileSync(join(data, `latest/book-${venue}.json`), 'utf8')) as Record<string, Kept>
      )[symbol];
      const { bids, asks } = found.value.book;
      expect([symbol, levelsOf(bids).slice(0, 50)]).toEqual([symbol, priceAndAmount(kept?.bids)]);
      expect([symbol, levelsOf(asks).slice(0, 50)]).toEqual([symbol, priceAndAmount(kept?.asks)]);
      expect(found.value.row.localUs / SECOND).toBeCloseTo(kept?.local_ts ?? 0, 6);
    }
  });
});

/** No gap of trades is open. */
function untilFilled(dir: string): Promise<void> {
  return until('every gap of trades is closed', () => {
    const open = new Set<string>();
    for (const line of readFileSync(join(dir, 'collector', 'gaps.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')) {
      const { id, state, feed } = JSON.parse(line) as Readonly<Record<'id' | 'state' | 'feed', string>>;
      if (feed !== 'trades') continue;
      if (state === 'open') open.add(id);
      else open.delete(id);
    }
    return open.size === 0;
  });
}

interface Kept {
  readonly bids: readonly (readonly string[])[];
  readonly asks: readonly (readonly string[])[];
  readonly local_ts: number;
}

/** OKX has more in a level. */
const priceAndAmount = (side: Kept['bids'] | undefined) => side?.map((level) => level.slice(0, 2));

describe('verify', () => {
  test('says what is wrong, where and why, and exits 0, 1 or 2', () => {
    const dir = join(root, 'words');
    put(dir, 'raw/instruments.json', '[]');
    putArchive(dir, 'trades', trades(5));
    const live = putLive(dir, 'trades', trades(5, undefined, 1_007, T0 + 60 * SECOND));
    putLive(dir, 'orderbook', [...books(3), ...books(3, undefined, 900, T0 + 120 * SECOND)]);
    const edge = (id: number, second: number) => ({ id, local_ts: T0 / SECOND + second });
    putGap(dir, { from: edge(1_004, 4), to: edge(1_007, 60), id: 'a7' });
    putGap(dir, {
      feed: 'orderbook',
      from: { local_ts: T0 / SECOND + 2 },
      to: { local_ts: T0 / SECOND + 120 },
      id: 3,
    });
    const explained = tapedeck('verify', dir);
    expect(explained).toEqual({
      status: 1,
      stderr: '',
      stdout: `explained  orderbook-binance-BTC-USDT.csv  6 rows, 1 file, 2026-11-21T09:00:00.000000Z to 2026-11-21T09:02:02.000000Z, rows in 66.6 % of 3 minutes, longest silence 118.0 s, 2 snapshots
             hole: book joined anew, 502 is followed by a snapshot at 900, from 2026-11-21T09:00:02.000000Z to 2026-11-21T09:02:00.000000Z (raw/orderbook-binance-BTC-USDT.csv, line 5): explained by gap 3
explained  trades-binance-BTC-USDT.csv     10 rows, 2 files, 2026-11-21T09:00:00.000000Z to 2026-11-21T09:01:04.000000Z, rows in 100 % of 2 minutes, longest silence 56.0 s, 2 ids missing
             hole: 2 trades missing, ids 1005 to 1006, from 2026-11-21T09:00:04.000000Z to 2026-11-21T09:01:00.000000Z (raw/trades-binance-BTC-USDT.csv, line 2): explained by gap a7

2 chains, 16 rows, 1.3 kB; ledger: 2 gaps, 0 of them open
explained: there are holes, and the ledger tells of each
`,
    });

    const text = readFileSync(join(dir, live), 'utf8');
    writeFileSync(join(dir, live), `${text}${text.split('\n')[2]}\nbinance,BTC`);
    const damaged = tapedeck('verify', dir);
    expect(damaged.status).toBe(2);
    expect(damaged.stdout).toContain(`DAMAGED    trades-binance-BTC-USDT.csv     11 rows, 2 files`);
    expect(damaged.stdout).toContain(`             rows out of the order of receipt: 1
               raw/trades-binance-BTC-USDT.csv, line 7, 2026-11-21T09:01:01.000000Z: received 3.000000 s before the row in front of it
             duplicate ids: 1
               raw/trades-binance-BTC-USDT.csv, line 7, 2026-11-21T09:01:01.000000Z: id 1008 stands in the chain already
             torn row: 1
               raw/trades-binance-BTC-USDT.csv: 11 bytes behind the last whole row
`);
    expect(damaged.stdout.trimEnd().split('\n').at(-1)).toBe(
      'DAMAGED: there is damage, or a hole that nothing explains',
    );
    expect(tapedeck('verify', dir, '--sparse', 'trades-binance-BTC-USDT.csv').stdout).not.toContain(
      'ids missing',
    );
  });

  test.each([
    [[], 'tapedeck verify DIR'],
    [['a', 'b'], 'tapedeck verify DIR'],
    [['a', '--fast'], '--fast'],
    [
      [join(root, 'words'), '--sparse', 'trades-okx-BTC-USDT'],
      'no file of trades there is trades-okx-BTC-USDT',
    ],
    [[join(root, 'words'), '--sparse', 'orderbook-binance-BTC-USDT'], 'no file of trades'],
    [[join(root, 'nowhere')], 'nothing was recorded there (simulated data is in '],
  ])('refuses %j', (args, said) => {
    const { status, stdout, stderr } = tapedeck('verify', ...args);
    expect([status, stdout]).toEqual([64, '']);
    expect(stderr).toContain(said);
  });
});

describe('book', () => {
  const dir = join(root, 'books');
  beforeAll(() => {
    putLive(dir, 'orderbook', [...books(3), ...books(3, undefined, 900, T0 + 120 * SECOND)]);
  });

  test('prints the book of a moment', () => {
    const at = '2026-11-21T09:00:01.5Z';
    expect(tapedeck('book', 'BTC/USDT', '--at', at, '--data', dir)).toEqual({
      status: 0,
      stderr: '',
      stdout: `binance BTC/USDT at 2026-11-21T09:00:01.500000Z
as of 2026-11-21T09:00:01.000000Z, 0.5 s before: raw/orderbook-binance-BTC-USDT.csv, line 3
sequence 501, of snapshot 500; 2 bids, 2 asks

bid amount  bid  ask  ask amount
         3  100  101           1
         2   99  102           2
`,
    });
    const json = tapedeck(
      'book',
      'BTC/USDT',
      '--at',
      '1795251601.5',
      '--data',
      dir,
      '--json',
      '--levels',
      '1',
    );
    expect(JSON.parse(json.stdout)).toEqual({
      venue: 'binance',
      symbol: 'BTC/USDT',
      at_ts: 1_795_251_601.5,
      local_ts: 1_795_251_601,
      applied_ts: 1_795_251_601,
      age_sec: 0.5,
      sequence: 501,
      snapshot_sequence: 500,
      file: 'raw/orderbook-binance-BTC-USDT.csv',
      line: 3,
      is_last: false,
      bids: [['100', '3']],
      asks: [['101', '1']],
    });
  });

  test.each([
    [
      1,
      ['BTC/USDT', '--at', '2026-11-21T09:01:00Z'],
      'no book is known between 2026-11-21T09:00:02.000000Z and',
    ],
    [1, ['BTC/USDT', '--at', '2026-11-21T08:00:00Z'], 'the first snapshot is of 2026-11-21T09:00:00.000000Z'],
    [64, ['ETH/USDT', '--at', '2026-11-21T09:01:00Z'], 'no book of ETH/USDT in'],
    [64, ['BTC/USDT', '--at', 'noon'], '--at: expected'],
    [64, ['BTC/USDT', '--at', '2026-11-21T09:01:00Z', '--levels', '0'], '--levels: expected'],
    [64, ['BTC/USDT'], 'tapedeck book SYMBOL --at TIME'],
    [64, ['BTC/USDT', '--at', '2026-11-21T09:01:00Z', '--venue', 'okx'], 'no book of okx BTC/USDT in'],
  ] as const)('exits %i for %j', (status, args, said) => {
    const done = tapedeck('book', ...args, '--data', dir);
    expect([done.status, done.stdout]).toEqual([status, '']);
    expect(done.stderr).toContain(said);
  });

  test('takes the directory of the settings where none is given', async () => {
    const lines: string[] = [];
    const console: Console = { out: (line) => lines.push(line), err: (line) => lines.push(line) };
    const argv = ['BTC/USDT', '--at', '2026-11-21T09:00:01Z'];
    const place = testPlace(join(root, 'place'));
    expect(await runBook(argv, place, console, { BTC_TS_DATA_DIR: dir })).toBe(0);
    expect(lines[0]).toBe('binance BTC/USDT at 2026-11-21T09:00:01.000000Z');
  });
});
