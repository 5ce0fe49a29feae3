/** The collector as its users run it: a real process, twelve threads, real sockets, files on disk. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readCsvAll } from '../../src/io/csv-read.ts';
import {
  hasFile,
  type JournalLine,
  type Run,
  simulator,
  startCollector,
  until,
} from '../support/collector.ts';
import { fileOf, isRecorded, levels, SYMBOLS } from '../support/journal.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-collector-'));
const runs: Run[] = [];
afterAll(() => {
  for (const run of runs) run.process.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

function start(...args: Parameters<typeof startCollector>): Run {
  const run = startCollector(...args);
  runs.push(run);
  return run;
}

type Row = Readonly<Record<string, string>>;

async function rows(folder: string, file: string): Promise<readonly Row[]> {
  const read = await readCsvAll(join(folder, 'data/raw', file));
  if (!read.ok) throw new Error(`${file}: ${read.error.message}`);
  return read.value.records as readonly Row[];
}

describe('what was sent is what was recorded', () => {
  test('each trade and book update once, in order, digit for digit; each ticker message a row', async () => {
    const { sim, journal } = await simulator(8);
    const folder = join(root, 'journal');
    const venues = Object.fromEntries(
      Object.entries(SYMBOLS).map(([id, symbols]) => [id, { symbols, endpoints: sim.endpoints[id] }]),
    );
    const run = start(folder, venues);
    await until('everything flows', () => {
      if (!hasFile(folder, 'runtime/READY')) return false;
      const { workers } = run.status();
      return workers.length === 12 && workers.every((worker) => worker.rows_written > 60);
    });
    // A busy machine starts slowly, and a level that is over is held for ten seconds.
    await until('all is well', () => run.status().level === 'OK', 40_000);
    sim.pause();
    // What was sent is still under way: a stop would end its connection before it is read.
    await until('all that was sent is in the files', () => isRecorded(folder, journal));
    run.process.kill('SIGTERM');
    expect(await run.exit).toBe(0);
    await sim.stop();

    const status = run.status();
    expect([status.state, status.level, status.reasons]).toEqual(['stopped', 'OK', []]);
    expect(status.workers.map((worker) => [worker.rejects, worker.resyncs])).toEqual(Array(12).fill([0, 0]));
    let compared = 0;
    for (const [venue, symbols] of Object.entries(SYMBOLS)) {
      for (const symbol of symbols) {
        const sent = journal.filter((line) => line.venue === venue && line.symbol === symbol);
        compared += await compareTrades(folder, venue, symbol, sent);
        compared += await compareTicker(folder, venue, symbol, sent);
        compared += await compareBook(folder, venue, symbol, sent);
      }
    }
    expect(compared).toBeGreaterThan(1_000);
    expect(readdirSync(join(folder, 'data/raw')).length).toBe(12 * 3 + 1);
    expect(run.errors).toEqual([]);
  }, 60_000);

  async function compareTrades(
    folder: string,
    venue: string,
    symbol: string,
    sent: readonly JournalLine[],
  ): Promise<number> {
    const want = sent.filter((line) => line.feed === 'trades');
    const got = await rows(folder, fileOf('trades', venue, symbol));
    expect(got.map((row) => [row.id, row.side, row.price, row.amount, row.timestamp])).toEqual(
      want.map((line) => [line.id, line.side, line.price, line.amount, String(line.timestampUs)]),
    );
    return want.length;
  }

  async function compareTicker(
    folder: string,
    venue: string,
    symbol: string,
    sent: readonly JournalLine[],
  ): Promise<number> {
    const want = sent.filter((line) => line.feed === 'ticker');
    const got = await rows(folder, fileOf('ticker', venue, symbol));
    // Two connections can carry one ticker (Binance USD-M): their messages are in order each, not together.
    const left = got.map((row) => row.timestamp);
    for (const { timestampUs } of want) {
      if (timestampUs === null) continue;
      const at = left.indexOf(String(timestampUs));
      expect([symbol, timestampUs, at >= 0]).toEqual([symbol, timestampUs, true]);
      left.splice(at, 1);
    }
    // What is left are the messages without a time, which stand under ours.
    const ours = new Set(got.map((row) => row.local_timestamp));
    expect(left.length).toBe(want.filter((line) => line.timestampUs === null).length);
    expect(left.every((timestamp) => ours.has(timestamp ?? ''))).toBe(true);
    return want.length;
  }

  async function compareBook(
    folder: string,
    venue: string,
    symbol: string,
    sent: readonly JournalLine[],
  ): Promise<number> {
    const book = sent.filter((line) => line.feed === 'orderbook');
    const got = await rows(folder, fileOf('orderbook', venue, symbol));
    const [first] = got;
    const snapshot = book.find(
      (line) => line.snapshot && levels(line.bids) === first?.bids && levels(line.asks) === first?.asks,
    );
    expect(first?.is_snapshot).toBe('true');
    expect(snapshot).toBeDefined();
    const stream = book.filter((line) => line.conn !== 'rest');
    const deltas = stream.filter((line) => !line.snapshot);
    // Binance: those that the REST snapshot does not hold yet; elsewhere: those after the pushed one.
    const isSpot = !symbol.includes(':');
    const last = snapshot?.sequence ?? 0;
    const after =
      venue === 'binance'
        ? deltas.filter((line) => (isSpot ? (line.sequence ?? 0) > last : (line.sequence ?? 0) >= last))
        : stream.slice(stream.indexOf(snapshot as JournalLine) + 1).filter((line) => !line.snapshot);
    expect(got.slice(1).map((row) => [row.is_snapshot, row.bids, row.asks])).toEqual(
      after.map((line) => ['false', levels(line.bids), levels(line.asks)]),
    );
    if (venue !== 'bitflyer') {
      expect(got.slice(1).map((row) => [row.sequence, row.prev_sequence, row.snapshot_sequence])).toEqual(
        after.map((line) => [String(line.sequence), String(line.prevSequence), String(last)]),
      );
    }
    return after.length;
  }
});

describe('how it is run', () => {
  test('--sim needs nothing else, speaks the lines that operators look for, and stops in order', async () => {
    const folder = join(root, 'sim');
    const run = start(folder, {}, [
      '--sim',
      '--duration',
      '3',
      '--venues',
      'okx,bitflyer',
      '--feeds',
      'trades,ticker',
    ]);
    expect(await run.exit).toBe(0);
    expect(run.errors).toEqual([]);
    const text = run.lines.join('\n');
    expect(text).toContain(`[collector] DATA=${join(folder, 'data')} LOGS=${join(folder, 'logs')}`);
    for (const line of [
      '[collector] MODE=FOREGROUND',
      '[OK] contract: SafeWriter',
      '[OK] subscribed: feature_engine.ingest',
      '[OK] subscribed: sig_builder.ingest',
      '[OK] preflight: okx.ticker.preflight',
      '[START] collector with 4 threads: bitflyer.ticker, bitflyer.trades, okx.ticker, okx.trades',
      '[EXIT collector] shutting down...',
    ]) {
      expect(text).toContain(line);
    }
    expect(run.status()).toMatchObject({ state: 'stopped', level: 'OK', kind: 'sim', schema_version: 1 });
    expect(hasFile(folder, 'runtime/STOPPED')).toBe(true);
    expect(hasFile(folder, 'runtime/READY')).toBe(false);
    const rates = JSON.parse(readFileSync(join(folder, 'data/collector/rate_stats.json'), 'utf8')) as {
      stats: Record<string, { target_rpm: number; rpm_60s: number; throttle: boolean }>;
    };
    // The instruments, and the clock thrice.
    expect(rates.stats.okx).toMatchObject({ target_rpm: 270, rpm_60s: 4, throttle: false });
    expect(rates.stats.bitflyer).toMatchObject({ target_rpm: 90 });
  }, 30_000);

  test('a venue that cannot be reached is named; the others carry on, and the whole is CRIT', async () => {
    const { sim } = await simulator(3);
    const folder = join(root, 'unreachable');
    const dead = { rest: 'http://127.0.0.1:9', ws: 'ws://127.0.0.1:9' };
    const run = start(folder, {
      okx: {
        symbols: ['BTC/USDT'],
        endpoints: sim.endpoints.okx,
        feeds: { ticker: {}, orderbook: {}, trades: { enabled: false } },
      },
      bybit: {
        symbols: ['BTC/USDT'],
        endpoints: dead,
        feeds: { ticker: {}, orderbook: { enabled: false }, trades: { enabled: false } },
      },
    });
    await until(
      'the status tells',
      () => hasFile(folder, 'runtime/READY') && run.status().reasons.length > 1,
    );
    const status = run.status();
    expect(run.lines.join('\n')).toMatch(/\[NG\] preflight: bybit\.ticker\.preflight ECONNREFUSED .*--sim/);
    expect([status.state, status.level]).toEqual(['degraded', 'CRIT']);
    expect(status.reasons.join('\n')).toMatch(/bybit\.ticker: no connection .*ECONNREFUSED/);
    await until('okx records', () =>
      run.status().workers.some((worker) => worker.id === 'okx.orderbook' && worker.rows_written > 5),
    );
    run.process.kill('SIGINT');
    expect(await run.exit).toBe(0);
    await sim.stop();
  }, 40_000);
});

describe('what is refused', () => {
  test('a symbol that the venue does not list, with its place in the settings', async () => {
    const { sim } = await simulator(1);
    const folder = join(root, 'unlisted');
    const run = start(folder, { okx: { symbols: ['BTC/USDT', 'NOPE/USDT'], endpoints: sim.endpoints.okx } });
    expect(await run.exit).toBe(64);
    expect(run.errors).toEqual(['venues.okx.symbols[1]: expected a symbol that okx lists, got "NOPE/USDT"']);
    await sim.stop();
  }, 20_000);

  test.each([
    ['an unknown option', ['--nonsense'], 64, /Unknown option '--nonsense'/],
    [
      'a duration that is none',
      ['--duration', 'soon'],
      64,
      /--duration: expected seconds above 0, got "soon"/,
    ],
    ['an unknown venue', ['--venues', 'binanse'], 64, /--venues: expected .*binance.*, got "binanse"/],
    ['a journal without a simulator', ['--journal', 'x'], 64, /--journal: only with --sim/],
  ])('%s', async (_, args, code, message) => {
    const run = start(mkdtempSync(join(root, 'bad-')), { okx: {} }, args);
    expect(await run.exit).toBe(code);
    expect(run.errors.join('\n')).toMatch(message);
  });

  test('settings with a mistake: the line, the path, what was expected', async () => {
    const run = start(join(root, 'mistake'), { okx: { feeds: { orderbook: { depth: 'deep' } } } });
    expect(await run.exit).toBe(64);
    expect(run.errors.join('\n')).toMatch(
      /settings\.yaml:\d+:\d+ venues\.okx\.feeds\.orderbook\.depth: expected .*, got "deep"/,
    );
  });

  test('a data directory of the other kind, and one in use, in one line each', async () => {
    const { sim } = await simulator(1);
    const folder = join(root, 'kinds');
    const venues = { okx: { symbols: ['BTC/USDT'], endpoints: sim.endpoints.okx } };
    const first = start(folder, venues);
    await until('it runs', () => hasFile(folder, 'runtime/READY'));
    const second = start(folder, venues);
    expect(await second.exit).toBe(75);
    expect(second.errors).toEqual([`another collector writes to ${join(folder, 'data')}`]);
    first.process.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    const other = start(folder, venues, ['--sim']);
    expect(await other.exit).toBe(64);
    expect(other.errors.join('\n')).toMatch(/holds live data, not sim: give --sim a directory of its own/);
    await sim.stop();
  }, 40_000);

  test('a data directory that cannot be written', async () => {
    const run = start(join(root, 'readonly'), { okx: {} }, ['--data', '/proc/tapedeck']);
    expect(await run.exit).toBe(74);
    expect(run.errors).toHaveLength(1);
    expect(run.errors[0]).toMatch(/cannot write to \/proc\/tapedeck/);
  });
});
