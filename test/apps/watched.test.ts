/** A real collector, watched as operators do: endpoints, metrics, health command, webhook, files; and then in trouble. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Sim } from '../../src/sim/server.ts';
import { hasFile, type Run, simulator, startCollector, until } from '../support/collector.ts';
import { PROJECT } from '../support/place.ts';
import { hasPromtool, PROMTOOL_NOTE, promtool } from '../support/promtool.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-watched-'));
const runs: Run[] = [];
const told: unknown[] = [];
const hook = createServer((request, response) => {
  let body = '';
  request.on('data', (part: Buffer) => {
    body += part.toString();
  });
  request.on('end', () => {
    told.push(JSON.parse(body));
    response.end();
  });
});
let sim: Sim;
let run: Run;
let origin = '';

/** Two venues, with settings of their own for what watches them. */
function start(name: string, more: object): Run {
  const folder = join(root, name);
  mkdirSync(folder);
  const feeds = { ticker: {}, orderbook: {}, trades: { enabled: false } };
  const venues = {
    okx: { endpoints: sim.endpoints.okx, feeds },
    binance: { endpoints: sim.endpoints.binance, feeds },
  };
  const file = join(folder, 'own.yaml');
  writeFileSync(file, stringify({ paths: { logs: join(folder, 'logs') }, ...more, venues }));
  const started = startCollector(folder, venues, ['--config', file]);
  runs.push(started);
  return started;
}

const urlOf = ({ lines }: Run) =>
  /\[OK\] http: (http:\/\/127\.0\.0\.1:\d+)\/metrics/.exec(lines.join('\n'))?.[1];

function health(name: string, ...argv: string[]) {
  const cli = join(PROJECT, 'dist/ops/cli.js');
  const { status, stdout } = spawnSync(
    process.execPath,
    [cli, 'health', '--config', join(root, name, 'own.yaml'), '--data', join(root, name, 'data'), ...argv],
    { encoding: 'utf8' },
  );
  return { code: status, out: stdout };
}

function factsOf(name: string): readonly Readonly<Record<string, unknown>>[] {
  const text = readFileSync(join(root, name, 'data/collector/events.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const get = async (path: string) => {
  const response = await fetch(`${origin}${path}`);
  return { status: response.status, text: await response.text() };
};

beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
  ({ sim } = await simulator(4));
  run = start('first', { http: { enabled: true, port: 0 }, health: { webhook } });
  await until('everything flows', () => {
    if (!hasFile(join(root, 'first'), 'debug/health/index.json')) return false;
    const { workers } = run.status();
    return workers.length === 4 && workers.every((worker) => worker.rows_written > 0);
  });
  origin = urlOf(run) ?? '';
});
afterAll(async () => {
  for (const one of runs) one.process.kill('SIGKILL');
  await Promise.all(runs.map((one) => one.exit));
  await sim.stop();
  hook.closeAllConnections();
  hook.close();
  rmSync(root, { recursive: true });
});

test('the endpoints say that it is alive, ready and healthy', async () => {
  expect(await get('/livez')).toMatchObject({ status: 200 });
  expect(JSON.parse((await get('/readyz')).text)).toEqual({
    ready: true,
    lock: true,
    collecting: true,
    disk: true,
    flowing: true,
  });
  expect(JSON.parse((await get('/healthz')).text)).toMatchObject({ level: 'OK', reasons: [] });
  const keys = (value: unknown) => Object.keys(value as object);
  expect(keys(JSON.parse((await get('/status')).text))).toEqual(keys(run.status()));
});

test('every metric of the dashboard and of the alerts is there', async () => {
  const { text } = await get('/metrics');
  const names = new Set([...text.matchAll(/^(tapedeck_\w+)[{ ]/gm)].map(([, name]) => name));
  for (const file of ['ops/grafana/tapedeck.json', 'ops/prometheus/alerts.yml']) {
    const used = readFileSync(join(PROJECT, file), 'utf8').match(/\btapedeck_\w+/g) ?? [];
    expect(used.length).toBeGreaterThan(10);
    expect([...new Set(used)].filter((name) => !names.has(name))).toEqual([]);
  }
});

test.skipIf(!hasPromtool)(`promtool passes the metrics and the alert rules${PROMTOOL_NOTE}`, async () => {
  expect(promtool(['check', 'metrics'], (await get('/metrics')).text)).toEqual({ code: 0, text: '' });
  const rules = promtool(['check', 'rules', join(PROJECT, 'ops/prometheus/alerts.yml')]);
  expect([rules.code, rules.text]).toEqual([0, expect.stringMatching(/SUCCESS: \d+ rules found/)]);
});

test('the health command, and the index of the files', () => {
  const { code, out } = health('first');
  expect([code, out]).toEqual([0, expect.stringMatching(/^OK since /)]);
  expect(out).toMatch(/^binance {5}API:60s=\d+ \/ 5min=[\d.]+\/min \/ Err60=0 \[OK\]$/m);
  expect(out).toMatch(/^ {2}orderbook OK {3}collecting last \d/m);
  const { files } = JSON.parse(readFileSync(join(root, 'first/data/debug/health/index.json'), 'utf8')) as {
    files: { filename: string }[];
  };
  expect(files.map(({ filename }) => filename)).toEqual(
    expect.arrayContaining([
      'raw/ticker-okx-BTC-USDT.csv',
      'latest/book-binance.json',
      'collector/status.json',
    ]),
  );
});

test('a port that is taken is said once, and nothing else is the worse for it', async () => {
  const second = start('second', { http: { enabled: true, port: Number(new URL(origin).port) } });
  await until('it collects', () => {
    if (!hasFile(join(root, 'second'), 'runtime/READY')) return false;
    const { workers } = second.status();
    return workers.length === 4 && workers.every((worker) => worker.rows_written > 0);
  });
  expect(second.lines.filter((line) => line.includes('http'))).toEqual([
    expect.stringMatching(/^\[NG\] http: EADDRINUSE /),
  ]);
  expect(factsOf('second').filter(({ type }) => type === 'error')).toMatchObject([
    { scope: 'http', code: 'EADDRINUSE' },
  ]);
  second.process.kill('SIGTERM');
  expect(await second.exit).toBe(0);
}, 40_000);

test('a venue that goes away: CRIT everywhere, told once with from, to and reason', async () => {
  await sim.stop();
  await until('it is CRIT', () => run.status().level === 'CRIT' && told.length > 0);
  expect(told[0]).toMatchObject({ scope: 'collector', from: 'OK', to: 'CRIT', host: expect.any(String) });
  await until(
    'every feed is CRIT',
    () => run.status().reasons.filter((one) => /no connection/.test(one)).length === 4,
  );
  const healthz = await get('/healthz');
  expect([healthz.status, JSON.parse(healthz.text)]).toMatchObject([503, { level: 'CRIT' }]);
  const changes = factsOf('first').filter(({ type }) => type === 'health');
  for (const scope of ['okx.ticker', 'okx.orderbook', 'okx', 'binance', 'collector']) {
    expect(changes.filter((one) => one.scope === scope && one.symbol === undefined)).toMatchObject([
      { from: 'OK', to: 'CRIT', reason: expect.stringContaining('no connection') },
    ]);
  }
  const { code, out } = health('first');
  expect([code, out]).toEqual([2, expect.stringMatching(/^CRIT since /)]);
  expect(out).toMatch(/^- okx\.ticker: no connection \(.*\)$/m);
}, 40_000);

test('one that was killed is not running, whatever its status says', async () => {
  run.process.kill('SIGKILL');
  await run.exit;
  const { code, out } = health('first');
  expect([code, out]).toEqual([2, expect.stringMatching(/^CRIT not running since .* is gone/)]);
  expect(JSON.parse(health('first', '--json').out)).toMatchObject({ running: false, level: 'CRIT' });
});
