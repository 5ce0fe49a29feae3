/** A collector that takes other settings over while it runs: a real process, real threads, the simulator. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readCsvAll } from '../../src/io/csv-read.ts';
import {
  hasFile,
  type JournalLine,
  type Run,
  type Status,
  simulator,
  startCollector,
  until,
} from '../support/collector.ts';
import { fileOf } from '../support/journal.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-reload-'));
const runs: Run[] = [];
afterAll(() => {
  for (const run of runs) run.process.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

const LINEAR = 'BTC/USDT:USDT';
const STAYS = [
  ['binance', 'BTC/USDT'],
  ['okx', 'BTC/USDT'],
] as const;
const COME = [
  ['binance', LINEAR],
  ['bybit', 'BTC/USDT'],
] as const;

const read = (file: string): string => readFileSync(join(root, 'data', file), 'utf8');
const facts = (type: string): readonly Readonly<Record<string, unknown>>[] =>
  read('collector/events.jsonl')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((fact) => fact.type === type);

async function ids(venue: string, symbol: string): Promise<readonly string[]> {
  const all = await readCsvAll(join(root, 'data/raw', fileOf('trades', venue, symbol)));
  if (!all.ok) throw new Error(all.error.message);
  return all.value.records.map((row) => row.id ?? '');
}

const sentIds = (journal: readonly JournalLine[], venue: string, symbol: string): readonly string[] =>
  journal
    .filter((line) => line.venue === venue && line.symbol === symbol && line.feed === 'trades')
    .map((line) => line.id);

test('symbols, a venue and the mode change while the others go on, and back again', async () => {
  const { sim, journal } = await simulator(8);
  const venue = (id: string, symbols: readonly string[]) => ({ symbols, endpoints: sim.endpoints[id] });
  const before = { binance: venue('binance', ['BTC/USDT']), okx: venue('okx', ['BTC/USDT']) };
  const run = startCollector(root, before);
  runs.push(run);
  const file = join(root, 'settings.yaml');
  const write = (venues: object, mode: string): string => {
    const rest = stringify({ paths: { logs: join(root, 'logs') }, venues });
    const text = `# The operator's own words.\r\nruntime: { mode: ${mode},   diag_sec: 1 } # until it is found\r\n${rest}`;
    writeFileSync(file, text);
    return text;
  };
  const workers = (): Status['workers'] =>
    hasFile(root, 'collector/status.json') ? run.status().workers : [];
  const symbolsOf = (id: string): readonly string[] =>
    Object.keys(workers().find((one) => one.id === id)?.symbols ?? {});
  const flows = (feed: string, id: string, symbol: string, rows = 10): boolean => {
    const name = `raw/${fileOf(feed, id, symbol)}`;
    return hasFile(root, name) && read(name).split('\n').length > rows;
  };
  const FEEDS = ['ticker', 'orderbook', 'trades'];
  await until('it flows', () =>
    STAYS.every(([id, symbol]) => FEEDS.every((feed) => flows(feed, id, symbol))),
  );

  const more = {
    ...before,
    binance: venue('binance', ['BTC/USDT', LINEAR, 'NOPE/USDT']),
    bybit: venue('bybit', ['BTC/USDT']),
  };
  write(more, 'DEBUG');
  await until('the new ones flow', () =>
    COME.every(([id, symbol]) => FEEDS.every((feed) => flows(feed, id, symbol))),
  );
  await until(
    'the status tells',
    () =>
      run.status().mode === 'DEBUG' &&
      run.status().level === 'WARN' &&
      symbolsOf('binance.orderbook').join() === `BTC/USDT,${LINEAR}`,
  );
  expect(workers()).toHaveLength(9);
  const refused = 'venues.binance.symbols[2]: expected a symbol that binance lists, got "NOPE/USDT"';
  expect(run.status().reasons).toEqual([`settings not taken over: ${refused}`]);
  expect(run.lines).toContain(`[NG] settings not taken over: ${refused}`);

  writeFileSync(file, 'venues: { okx: { symbols: 7 } }\n');
  await until('it is refused', () =>
    run.lines.some((line) => /^\[NG\] settings not taken over: .*settings\.yaml:1:\d+ .*got 7$/.test(line)),
  );

  // One feed is received in another way: its thread alone begins anew.
  const okx = { ...before.okx, feeds: { orderbook: { depth: 5 } } };
  const text = write({ ...before, okx }, 'DIAG');
  await until('DIAG', () => run.status().mode === 'DIAG');
  await until('PROD again', () => run.status().mode === 'PROD' && workers().length === 6);
  expect(readFileSync(file, 'utf8')).toBe(text.replace('DIAG', 'PROD'));
  await until('the symbol is gone', () => !symbolsOf('binance.trades').includes(LINEAR));

  sim.pause();
  await until('all that was sent is in the files', () =>
    STAYS.every(([id, symbol]) =>
      read(`raw/${fileOf('trades', id, symbol)}`).includes(`,${sentIds(journal, id, symbol).at(-1)},`),
    ),
  );
  expect(run.lines.filter((line) => line.includes('got 7'))).toHaveLength(1);
  // Written every 5 s.
  await until('the rates are of the two that are left', () => {
    const rates = JSON.parse(read('collector/rate_stats.json')) as { stats: object };
    return Object.keys(rates.stats).sort().join() === 'binance,okx';
  });
  run.process.kill('SIGTERM');
  expect(await run.exit).toBe(0);
  await sim.stop();

  // The others: no connection, no book and no trade was lost.
  for (const one of run.status().workers)
    expect([one.id, one.reconnects, one.resyncs, one.rejects]).toEqual([one.id, 0, 0, 0]);
  expect(facts('reconnect').concat(facts('resync'), facts('worker_restart'))).toEqual([]);
  for (const [id, symbol] of STAYS) expect(await ids(id, symbol)).toEqual(sentIds(journal, id, symbol));
  const opened = facts('connect').filter(({ scope }) => String(scope).startsWith('okx.'));
  expect(opened.map(({ scope }) => scope).sort()).toEqual([
    'okx.orderbook',
    'okx.orderbook',
    'okx.ticker',
    'okx.trades',
  ]);
  // What came and went: whole while it was there.
  for (const [id, symbol] of COME) {
    const got = await ids(id, symbol);
    const sent = sentIds(journal, id, symbol);
    expect(got.length).toBeGreaterThan(8);
    expect(sent.join(' ')).toContain(got.join(' '));
  }
  expect(read('latest/trades-binance.csv')).not.toContain(LINEAR);
  expect(Object.keys(JSON.parse(read('latest/book-binance.json')) as object)).toEqual(['BTC/USDT']);
  expect(Object.keys(JSON.parse(read('latest/book-bybit.json')) as object)).toEqual([]);
  expect(facts('settings').map(({ changes }) => changes)).toEqual([
    [`runtime.diag_sec: 300 -> 1`, `venues.binance.symbols: +${LINEAR}`, 'venues.bybit: begins'],
    [],
    [
      `venues.binance.symbols: -${LINEAR}`,
      'venues.bybit: ends',
      'venues.okx.feeds.orderbook.depth: 200 -> 5',
    ],
  ]);
  expect(run.lines).toContain('[OK] signal-writer.tick');
  const logs = readdirSync(join(root, 'logs'));
  const linesOf = (form: RegExp): readonly Readonly<Record<string, unknown>>[] =>
    logs
      .filter((name) => form.test(name))
      .flatMap((name) =>
        readFileSync(join(root, 'logs', name), 'utf8')
          .split('\n')
          .filter(Boolean),
      )
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const ways = linesOf(/^collector_\d.*\.log$/).filter(({ msg }) => msg === 'batch');
  expect(new Set(ways.map(({ worker }) => worker)).size).toBe(9);
  expect(ways.every(({ written_ms }) => typeof written_ms === 'number' && written_ms >= 0)).toBe(true);
  const audit = linesOf(/^collector_diag_.*\.jsonl$/);
  expect(audit.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['second', 'batch', 'fact']));
  expect(facts('mode').map(({ from, to, reason }) => [from, to, reason])).toEqual([
    ['PROD', 'DEBUG', 'settings'],
    ['DEBUG', 'DIAG', 'settings'],
    ['DIAG', 'PROD', '1 s are over'],
  ]);
}, 60_000);
