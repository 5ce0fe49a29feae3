/** `tapedeck symbols` against the simulator in this process. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { runSymbols } from '../../src/apps/symbols.ts';
import type { Sim } from '../../src/sim/server.ts';
import { simulator } from '../support/collector.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { krakenServer } from '../support/foreign.ts';
import { testPlace } from '../support/place.ts';

let root: string;
let sim: Sim;
beforeEach(async () => {
  root = await tempFolder();
  sim = (await simulator(1)).sim;
});
afterEach(async () => {
  await sim.stop();
  await removeFolder(root);
});

async function run(argv: readonly string[], venues: object = {}) {
  const file = join(root, 'settings.yaml');
  writeFileSync(file, stringify({ paths: { data: join(root, 'data') }, venues: { okx: {}, ...venues } }));
  const out: string[] = [];
  const errors: string[] = [];
  const io = { out: (line: string) => out.push(line), err: (line: string) => errors.push(line) };
  const code = await runSymbols([...argv, '--config', file], testPlace(root), io, {});
  return { code, out, errors };
}

const at = (id: string, more: object = {}) => ({ [id]: { endpoints: sim.endpoints[id], ...more } });

describe('what can be asked for', () => {
  test('in columns, sorted, by requests that the governor counts; also of a venue that is off', async () => {
    const { code, out, errors } = await run(['okx'], at('okx'));
    expect([code, errors]).toEqual([0, []]);
    expect(out).toEqual([
      'BTC/USDT       BTC-USDT       spot    trading',
      'BTC/USDT:USDT  BTC-USDT-SWAP  linear  trading',
      'ETH/USDT       ETH-USDT       spot    trading',
      'ETH/USDT:USDT  ETH-USDT-SWAP  linear  trading',
    ]);
    const off = await run(['bitflyer'], at('bitflyer', { enabled: false }));
    expect(off.out.map((line) => line.split(/ +/)[1])).toEqual(['BTC_JPY', 'FX_BTC_JPY', 'ETH_JPY']);
    expect(sim.requests()).toMatchObject({ okx: 2, bitflyer: 1 });
  });

  test.each(['binance', 'bybit'])('%s: both of its markets', async (id) => {
    const { out } = await run([id], at(id));
    expect(new Set(out.map((line) => line.split(/ +/)[2]))).toEqual(new Set(['spot', 'linear']));
  });

  test('of any exchange that ccxt knows, whether or not the settings name it', async () => {
    const kraken = await krakenServer();
    const own = { 'ccxt:kraken': { symbols: ['BTC/USD'], endpoints: { rest: kraken.origin } } };
    const { code, out } = await run(['ccxt:kraken'], own);
    expect(code).toBe(0);
    expect(out.map((line) => line.split(/ +/)[0])).toContain('BTC/USD');
  });
});

test('a ban that the collector knows is kept: nothing is asked', async () => {
  mkdirSync(join(root, 'data/runtime'), { recursive: true });
  const until = Date.now() / 1000 + 3_600;
  const ban = { venue: 'okx', until, kind: 'ban', scope: 'rest', reason: 'too many' };
  const file = join(root, 'data/runtime/governor.json');
  writeFileSync(file, JSON.stringify({ ts: until - 3_700, bans: [ban], venues: {} }));
  const { code, out, errors } = await run(['okx'], at('okx'));
  expect([code, out]).toEqual([1, []]);
  expect(errors).toEqual([expect.stringMatching(/okx: paused nothing is asked for 36\d\d s: too many/)]);
  expect(sim.requests().okx).toBe(0);
});

test.each([
  ['a venue that does not answer', ['okx'], 1, /okx: ECONNREFUSED/],
  ['an unknown venue', ['binanse'], 64, /expected .*did you mean "binance"\?\), got "binanse"/],
  ['an exchange that ccxt does not know', ['ccxt:nonsense'], 64, /got "ccxt:nonsense"/],
  ['no venue', [], 64, /expected one venue/],
  ['an unknown option', ['okx', '--nonsense'], 64, /--nonsense/],
])('%s', async (_, argv, code, message) => {
  const dead = { okx: { endpoints: { rest: 'http://127.0.0.1:9' } } };
  const got = await run(argv, dead);
  expect([got.code, got.out]).toEqual([code, []]);
  expect(got.errors.join('\n')).toMatch(message);
});
