/** Faults asked for: by HTTP, by a word of a command line, by chance from a seed. */

import { request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { type Control, startControl } from '../../src/sim/control.ts';
import { parseFault } from '../../src/sim/fault-text.ts';
import { FAULT_KINDS, type Fault, readFault } from '../../src/sim/faults.ts';
import { servedOf } from '../../src/sim/place.ts';
import { MIXES, randomFaults } from '../../src/sim/random-faults.ts';
import { VENUES } from '../../src/venues/index.ts';
import type { Json } from './bench.ts';
import { memory, okxHello } from './memory.ts';

const served = servedOf({ venues: VENUES, symbols: { okx: ['SOL/USDT:USDT'] } });
const controls: Control[] = [];
afterEach(async () => {
  for (const control of controls.splice(0)) await control.stop();
});

interface Said {
  readonly status: number;
  readonly body: Json;
}

async function controlled() {
  const bench = memory({ rate: 5 });
  const started = await startControl(bench.sim, 0, bench.sim.note);
  if (!started.ok) throw new Error(started.error.message);
  controls.push(started.value);
  const ask = (method: string, path: string, body = '', headers: Record<string, string> = {}) =>
    new Promise<Said>((resolve, reject) => {
      const sending = request(`${started.value.url}${path}`, { method, headers }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      sending.on('error', reject);
      sending.end(body);
    });
  return { bench, ask, port: Number(new URL(started.value.url).port) };
}

describe('the control port', () => {
  test('adds, lists and takes back faults; pauses and goes on', async () => {
    const { bench, ask } = await controlled();
    const client = bench.open('okx', 'ws', '/ws/v5/public', [okxHello('trades')]);
    bench.run(1);
    const fault = { kind: 'drop', venue: 'okx', feed: 'trades', count: 2 };
    expect(await ask('POST', '/faults', JSON.stringify(fault))).toEqual({
      status: 201,
      body: { id: 1, state: 'on', applied: 0, fault },
    });
    const stall = { kind: 'stall', venue: 'okx', afterSec: 3 };
    expect(await ask('POST', '/faults', JSON.stringify(stall))).toMatchObject({
      body: { id: 2, state: 'waiting' },
    });
    bench.run(2);
    expect(await ask('GET', '/faults')).toEqual({
      status: 200,
      body: {
        faults: [
          { id: 1, state: 'over', applied: 2, fault },
          { id: 2, state: 'waiting', applied: 0, fault: stall },
        ],
      },
    });
    expect(await ask('DELETE', '/faults')).toEqual({ status: 200, body: { faults: [] } });
    expect(await ask('POST', '/pause')).toEqual({ status: 200, body: { paused: true } });
    bench.run(0.1);
    const before = client.received.length;
    bench.run(5);
    expect(client.received).toHaveLength(before);
    expect(await ask('POST', '/resume')).toEqual({ status: 200, body: { paused: false } });
    bench.run(3);
    expect(client.received.length).toBeGreaterThan(before);
    expect(bench.faults().map(({ kind }) => kind)).toEqual(['drop', 'drop']);
  });

  test.each([
    ['nonsense', /^not JSON: /],
    ['[]', /^\(whole\): .*expected object/],
    ['{"kind":"fire","venue":"okx"}', `kind: expected one of ${FAULT_KINDS.join(', ')}`],
    ['{"kind":"drop"}', /^venue: .*expected string/],
    [
      '{"kind":"drop","venue":"kraken"}',
      'venue: expected one of bitflyer, binance, bybit, okx, got "kraken"',
    ],
    [
      '{"kind":"drop","venue":"okx","symbol":"NO/USDT"}',
      /^symbol: okx has no "NO\/USDT" here, only BTC\/USDT, /,
    ],
    ['{"kind":"drop","venue":"okx","count":0}', /^count: /],
    ['{"kind":"drop","venue":"okx","delaySec":1}', /delaySec/],
    ['{"kind":"delay","venue":"okx"}', /^delaySec: /],
    ['{"kind":"status","venue":"okx","status":200}', /^status: /],
    ['{"kind":"skew","venue":"okx","skewMs":5,"count":2}', /count/],
    ['{"kind":"notice","venue":"bybit"}', /^kind: bybit tells nothing before it closes/],
    ['{"kind":"sequence_reset","venue":"bitflyer"}', /^kind: bitflyer numbers nothing/],
  ])('refuses %s with 400, and says why', async (body, message) => {
    const { bench, ask } = await controlled();
    const said = await ask('POST', '/faults', body);
    expect(said.status).toBe(400);
    if (typeof message === 'string') expect(said.body.error).toBe(message);
    else expect(said.body.error).toMatch(message);
    expect(bench.sim.faults()).toEqual([]);
  });

  test('serves only programs of this machine, and no body without end', async () => {
    const { bench, ask, port } = await controlled();
    const fault = '{"kind":"drop","venue":"okx"}';
    expect((await ask('POST', '/faults', fault, { host: 'evil.example' })).status).toBe(403);
    expect((await ask('POST', '/faults', fault, { origin: `http://127.0.0.1:${port}` })).status).toBe(403);
    expect((await ask('POST', '/faults', 'x'.repeat(70_000))).status).toBe(413);
    expect((await ask('PUT', '/faults', fault)).status).toBe(404);
    expect((await ask('GET', '/')).status).toBe(404);
    expect(bench.sim.faults()).toEqual([]);
    expect((await ask('POST', '/faults', fault, { host: `localhost:${port}` })).status).toBe(201);
  });

  test('a port in use is a failure that says what to change', async () => {
    const { bench, port } = await controlled();
    expect(await startControl(bench.sim, port, bench.sim.note)).toMatchObject({
      ok: false,
      error: { message: `port ${port} of 127.0.0.1 is in use: choose another with --control` },
    });
  });
});

describe('a fault in a word', () => {
  test.each([
    ['binance:drop', { kind: 'drop', venue: 'binance' }],
    [
      'binance:drop:orderbook:BTC/USDT:count=1:after=5',
      { kind: 'drop', venue: 'binance', feed: 'orderbook', symbol: 'BTC/USDT', count: 1, afterSec: 5 },
    ],
    [
      'okx:stall:SOL/USDT:USDT:for=1.5:silent=true',
      { kind: 'stall', venue: 'okx', symbol: 'SOL/USDT:USDT', forSec: 1.5, silent: true },
    ],
    [
      'binance:status:path=/depth?symbol=BTCUSDT:status=429:retryAfter=30:every=60',
      {
        ...{ kind: 'status', venue: 'binance', path: '/depth?symbol=BTCUSDT' },
        ...{ status: 429, retryAfterSec: 30, everySec: 60 },
      },
    ],
    ['bybit:skew:skew=-500', { kind: 'skew', venue: 'bybit', skewMs: -500 }],
    ['bybit:skew:skewMs=-500:forSec=9', { kind: 'skew', venue: 'bybit', skewMs: -500, forSec: 9 }],
  ])('%s', (text, fault) => {
    const parsed = parseFault(text);
    expect(parsed).toEqual(fault);
    expect(readFault(parsed, served)).toEqual({ ok: true, value: fault });
  });
});

describe('faults by chance', () => {
  const some = (seed: number, mix: 'all' | keyof typeof MIXES, most = 400): readonly Fault[] => {
    const faults = randomFaults({ seed, mix, perMinute: 6, served });
    return Array.from({ length: most }, () => faults.next().value as Fault);
  };

  test('the same seed gives the same, another seed others', () => {
    expect(some(7, 'all')).toEqual(some(7, 'all'));
    expect(some(7, 'all')).not.toEqual(some(8, 'all'));
  });

  test('each is a right one that ends by itself; every kind comes, about as often as is asked', () => {
    const faults = some(3, 'all');
    for (const fault of faults) {
      expect(readFault(fault, served)).toEqual({ ok: true, value: fault });
      expect(fault.forSec !== undefined || ('count' in fault && fault.count !== undefined)).toBe(true);
    }
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    const times = faults.map(({ afterSec = 0 }) => afterSec);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect((400 / (times.at(-1) ?? 0)) * 60).toBeGreaterThan(5);
    expect((400 / (times.at(-1) ?? 0)) * 60).toBeLessThan(7);
  });

  test('a mix draws its own kinds only; `untilSec` is the end', () => {
    for (const mix of Object.keys(MIXES) as (keyof typeof MIXES)[]) {
      for (const { kind } of some(1, mix, 100)) expect(MIXES[mix] as readonly string[]).toContain(kind);
    }
    const ended = [...randomFaults({ seed: 1, mix: 'all', perMinute: 6, served, untilSec: 600 })];
    expect(ended.length).toBeGreaterThan(30);
    expect(Math.max(...ended.map(({ afterSec = 0 }) => afterSec))).toBeLessThan(600);
    expect([...randomFaults({ seed: 1, mix: 'all', perMinute: 6, served: new Map() })]).toEqual([]);
  });

  test('planned, they strike; the same seeds give the same journal, line by line', () => {
    const run = (): readonly Json[] => {
      const only = new Map([...served].filter(([id]) => id === 'okx'));
      const plan = randomFaults({ seed: 4, mix: 'all', perMinute: 120, served: only });
      const symbols = { okx: ['SOL/USDT:USDT'] };
      const bench = memory({ plan, rate: 5, symbols, venues: VENUES.filter(({ id }) => id === 'okx') });
      for (const at of [0, 1, 2, 3, 4, 5]) {
        bench.open('okx', 'ws', '/ws/v5/public', [okxHello('trades', 'books', 'tickers')]);
        bench.run(at < 5 ? 5 : 10);
      }
      return bench.journal;
    };
    const journal = run();
    expect(new Set(journal.flatMap(({ fault }) => fault?.kind ?? [])).size).toBeGreaterThan(4);
    expect(run()).toEqual(journal);
  });
});
