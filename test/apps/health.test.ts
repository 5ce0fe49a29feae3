/** The health command on real files, as a collector leaves them. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runHealth } from '../../src/apps/health.ts';
import { buildStatus, type StatusInput } from '../../src/runtime/status.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { testPlace } from '../support/place.ts';
import { DISK, FEED, inputOf, RATES, tallyOf, threadOf } from '../support/status.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

async function run(...argv: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  const code = await runHealth(argv, testPlace(root), io, {});
  return { code, out: out.join('\n'), err: err.join('\n') };
}

function put(name: string, object: unknown): void {
  mkdirSync(join(root, 'data/collector'), { recursive: true });
  writeFileSync(
    join(root, 'data/collector', name),
    typeof object === 'string' ? object : JSON.stringify(object),
  );
}

/** As this process would write it now. */
function putStatus(more: Partial<StatusInput> = {}): void {
  const nowUs = Date.now() * 1000;
  const tally = tallyOf(manualClock());
  const worker = { thread: threadOf('running', FEED), tally };
  const base = {
    nowUs,
    pid: process.pid,
    uptimeSec: 90_061,
    levelSinceUs: () => nowUs - 725_000_000,
    host: { rss_mb: 212.4, event_loop_lag_ms: 3 },
    disk: { ...DISK, disk_free_bytes: 82.94e9 },
  };
  put('status.json', buildStatus(inputOf([worker], { ...base, ...more })).object);
}

const whole = inputOf([]).whole;

describe('a collector that runs', () => {
  test('OK, since when, and a line for each venue and feed; exit code 0', async () => {
    putStatus();
    put('rate_stats.json', { ts: 1, stats: { okx: { ...RATES, rpm_60s: 12, rpm_300s: 10.42, err_60s: 1 } } });
    const { code, out } = await run();
    const lines = out.split('\n');
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^OK since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(12 min\)$/);
    expect(lines.slice(1)).toEqual([
      `  collecting, sim, pid ${process.pid}, up 25 h 1 min | memory 212 MB | disk 82.9 GB free | 0 ms behind | ${join(root, 'data')}`,
      'okx         API:60s=12 / 5min=10.4/min / Err60=1 [OK]',
      '  orderbook OK   collecting last 0.0 s ago    1/min',
    ]);
  });

  test('WARN is 1, CRIT is 2, each with its reasons', async () => {
    putStatus({ whole: { ...whole, loopLagMs: 2_000 } });
    const warn = await run();
    expect([warn.code, warn.out.split('\n').at(-1)]).toEqual([1, '- main thread held for 2000 ms']);
    put('rate_stats.json', { ts: 1, stats: { okx: { ...RATES, throttle: true } } });
    putStatus({
      whole: { ...whole, writerError: 'a.csv: ENOSPC' },
      preflight: new Map([['okx', 'preflight 403']]),
    });
    const crit = await run();
    expect(crit.code).toBe(2);
    expect(crit.out).toMatch(/^CRIT since /);
    expect(crit.out).toContain('Err60=0 THROTTLED [CRIT]');
    expect(crit.out.split('\n').slice(-2)).toEqual(['- writer: a.csv: ENOSPC', '- okx: preflight 403']);
  });

  test('a reason is one line, whatever a venue has said', async () => {
    putStatus({ preflight: new Map([['okx', 'preflight 403 <html>\r\n\u001b[2JOK since']]) });
    const { out } = await run();
    expect(out.split('\n').at(-1)).toBe('- okx: preflight 403 <html> [2JOK since');
  });

  test('without rate stats it is judged all the same', async () => {
    putStatus();
    const { code, out } = await run();
    expect([code, out.split('\n')[2]]).toEqual([0, 'okx         API: unknown [OK]']);
  });

  test('--json: the same as an object', async () => {
    putStatus({ whole: { ...whole, loopLagMs: 2_000 } });
    put('rate_stats.json', { ts: 1, stats: { okx: RATES } });
    const { code, out } = await run('--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      level: 'WARN',
      running: true,
      reasons: ['main thread held for 2000 ms'],
      status: { schema_version: 1, workers: [{ id: 'okx.orderbook', latency_ms: {} }] },
      rates: { stats: { okx: { target_rpm: 270 } } },
    });
  });
});

describe('a collector that does not run is CRIT, with what to do', () => {
  const first = (out: string) => out.split('\n')[0];

  test('nothing was ever recorded there', async () => {
    const { code, out } = await run();
    expect(code).toBe(2);
    expect(first(out)).toBe(`CRIT not running: nothing has recorded into ${join(root, 'data')}`);
    expect(out).toContain('npm run collector');
  });

  test('its process is gone', async () => {
    const pid = spawnSync(process.execPath, ['-e', '']).pid;
    putStatus({ pid });
    const { code, out } = await run();
    expect(code).toBe(2);
    expect(first(out)).toMatch(
      /^CRIT not running since .* UTC: the process \d+ is gone; its last word is \d s old$/,
    );
    expect(out).toContain('start it again: npm run collector -- --sim');
  });

  test.each([-16, 3_600])('its status is %d s off our clock', async (sec) => {
    putStatus({ nowUs: (Date.now() / 1000 + sec) * 1e6 });
    const { code, out } = await run();
    expect(code).toBe(2);
    expect(first(out)).toMatch(
      / is there, and its status is -?\d+ s old: it hangs, or is another program by now$/,
    );
  });

  test('it was stopped', async () => {
    putStatus({ phase: 'stopped', kind: 'live' });
    const { code, out } = await run('--data', 'data');
    expect(code).toBe(2);
    expect(first(out)).toMatch(/^CRIT not running since .*: it was stopped in order, \d s ago$/);
    expect(out.split('\n').slice(1)).toEqual([
      '- start it again: npm run collector; nothing need be mended before',
    ]);
  });

  test.each([
    ['{"ts": 1', /status\.json: /],
    ['{}', /status\.json: ts: /],
    ['[]', /status\.json: /],
  ])('its status is %j', async (text, reason) => {
    put('status.json', text);
    const { code, out } = await run();
    expect([code, first(out)]).toEqual([2, expect.stringMatching(reason)]);
  });

  test('--json says so too', async () => {
    expect(JSON.parse((await run('--json')).out)).toMatchObject({
      level: 'CRIT',
      running: false,
      status: null,
    });
  });
});

test('a bad option, and bad settings, are 64', async () => {
  expect(await run('--nonsense')).toMatchObject({ code: 64, err: expect.stringContaining('--nonsense') });
  writeFileSync(join(root, 's.yaml'), 'http: { port: no }');
  expect(await run('--config', 's.yaml')).toMatchObject({
    code: 64,
    err: expect.stringContaining('http.port'),
  });
});
