/** What a venue's "too much" does to a whole collector: real processes, killed for real. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { GovernorFile } from '../../src/io/governor-file.ts';
import type { RateStats } from '../../src/runtime/rate-stats.ts';
import { cannedServer } from '../support/canned.ts';
import { hasFile, type Run, simulator, startCollector, until } from '../support/collector.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-governor-'));
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

const json = <T>(folder: string, file: string): T =>
  JSON.parse(readFileSync(join(folder, 'data', file), 'utf8')) as T;
const rates = (folder: string): RateStats => json(folder, 'collector/rate_stats.json');
const facts = (folder: string): readonly Readonly<Record<string, unknown>>[] => {
  const file = join(folder, 'data/collector/events.jsonl');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
};
const NOWHERE = 'ws://127.0.0.1:9';
interface Workers {
  readonly pid: number;
  readonly workers: readonly { readonly state: string }[];
}
const isWaiting = ({ state }: Workers['workers'][number]): boolean => state === 'waiting';
const TRADES = { ticker: { enabled: false }, orderbook: { enabled: false } };

describe('a ban', () => {
  test('survives kill -9: no request before its end, one within a second after; told all the while', async () => {
    const BAN_SEC = 12;
    const listed = {
      symbols: [{ symbol: 'BTCUSDT', status: 'TRADING', baseAsset: 'BTC', quoteAsset: 'USDT', filters: [] }],
    };
    let untilMs = 0;
    const server = await cannedServer((at) => {
      if (at > 0) return { status: 200, body: JSON.stringify(listed) };
      untilMs = Date.now() + BAN_SEC * 1_000;
      const msg = `Way too much request weight used; IP banned until ${untilMs}.`;
      return { status: 418, body: JSON.stringify({ code: -1003, msg }) };
    });
    const folder = join(root, 'ban');
    const venues = { binance: { endpoints: { rest: server.origin, ws: NOWHERE }, feeds: TRADES } };
    const first = start(folder, venues);
    await until('the ban is told', () => facts(folder).some((fact) => fact.type === 'ban'));
    first.process.kill('SIGKILL');
    await first.exit;
    const killedSec = Date.now() / 1_000;
    const { bans } = json<GovernorFile>(folder, 'runtime/governor.json');
    expect(bans).toMatchObject([{ venue: 'binance', kind: 'ban', scope: 'rest' }]);
    expect(Math.abs((bans[0]?.until ?? 0) * 1_000 - untilMs)).toBeLessThan(1_000);
    expect(facts(folder).filter((fact) => fact.type === 'ban')).toMatchObject([
      { scope: 'binance', code: '418', sessions: false, reason: expect.stringContaining('IP banned') },
    ]);

    const second = start(folder, venues);
    await until('it is told again', () => facts(folder).filter((fact) => fact.type === 'ban').length === 2);
    await until('its file is there', () => rates(folder).ts > killedSec);
    const early = rates(folder);
    expect(early.stats.binance).toMatchObject({ throttle: true, state: 'banned', permits_total: 0 });
    await until('it asks', () => server.asked.length > 1);
    const [, next] = server.asked;
    expect(next?.atMs).toBeGreaterThanOrEqual(untilMs);
    expect(next?.atMs).toBeLessThan(untilMs + 1_000);
    await until('the file shows the end', () => {
      const now = rates(folder);
      return now.ts >= early.ts + 4 && now.stats.binance?.throttle === false;
    });
    second.process.kill('SIGTERM');
    expect(await second.exit).toBe(0);
    // As many as were permitted, and no more.
    expect(rates(folder).stats.binance?.permits_total).toBe(server.asked.length - 1);
    // After a stop in order nothing is taken to have been sent that was not.
    const left = json<GovernorFile>(folder, 'runtime/governor.json');
    expect(left.bans).toEqual([]);
    expect(left.venues.binance?.ahead).toEqual({});
    await server.stop();
  }, 60_000);

  test('of Bybit ends the WebSockets too, and a thread that starts in it opens none', async () => {
    const { sim, journal } = await simulator(1);
    // The preflight fails otherwise until everything flows; when it is tried again the venue has had enough.
    const server = await cannedServer(() =>
      sim.sent() === 0 ? { status: 500, body: '' } : { status: 403, body: 'access too frequent' },
    );
    const folder = join(root, 'bybit');
    const endpoints = { ...sim.endpoints.bybit, rest: server.origin };
    const venues = { bybit: { endpoints } };
    const run = start(folder, venues);
    const closed = () =>
      facts(folder).filter((fact) => fact.type === 'reconnect' && fact.code === 'paused').length;
    await until('all its connections are closed', () => closed() === 3, 50_000);
    expect(facts(folder).filter((fact) => fact.type === 'ban')).toMatchObject([
      { scope: 'bybit', code: '403', pause_sec: 600, sessions: true },
    ]);
    await until('the status tells', () => run.status().reasons.some((why) => why.includes('no session')));
    run.process.kill('SIGKILL');
    await run.exit;

    const before = [sim.sent(), server.asked.length];
    const again = start(folder, venues);
    await until('its threads run', () => {
      if (!hasFile(folder, 'runtime/READY')) return false;
      const { pid, workers } = json<Workers>(folder, 'collector/status.json');
      return pid === again.process.pid && workers.length === 3 && workers.every(isWaiting);
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([sim.sent(), server.asked.length]).toEqual(before);
    expect(journal.length).toBeGreaterThan(0);
    again.process.kill('SIGTERM');
    expect(await again.exit).toBe(0);
    await sim.stop();
    await server.stop();
  }, 90_000);
});

test('every request of a collector is one permit, whoever made it: preflights, snapshots, of all venues', async () => {
  const { sim } = await simulator(6);
  const folder = join(root, 'count');
  const venues = Object.fromEntries(
    ['bitflyer', 'binance', 'bybit', 'okx'].map((id) => [id, { endpoints: sim.endpoints[id] }]),
  );
  const run = start(folder, venues);
  await until('the books are joined', () => {
    if (!hasFile(folder, 'runtime/READY')) return false;
    const { workers } = run.status();
    return workers.filter((one) => one.symbols['BTC/USDT']?.state === 'synced').length === 3;
  });
  run.process.kill('SIGTERM');
  expect(await run.exit).toBe(0);
  const { stats } = rates(folder);
  const permits = Object.entries(stats).map(([venue, one]) => [venue, one.permits_total]);
  expect(Object.fromEntries(permits)).toEqual(sim.requests());
  const requests = stats.binance?.permits_total ?? 0;
  expect(requests).toBeGreaterThan(1);
  // The instruments, the clock (thrice, if there was time), and the rest of them snapshots.
  const weights = [1, 2, 3].map((clocks) => 20 + clocks + 25 * (requests - 1 - clocks));
  expect(weights).toContain(stats.binance?.windows.spot_weight?.used);
  await sim.stop();
}, 40_000);
