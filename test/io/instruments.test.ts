import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Instrument } from '../../src/core/venue.ts';
import { saveInstruments } from '../../src/io/instruments.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
let file: string;
beforeEach(async () => {
  root = await tempFolder();
  file = join(root, 'raw/instruments.json');
});
afterEach(() => removeFolder(root));

const one = (ex: string, symbol: string, more: Partial<Instrument> = {}): Instrument => ({
  ex,
  symbol,
  id: symbol.replace(/[/:].*/, 'USDT'),
  market: symbol.includes(':') ? 'linear' : 'spot',
  contract_size: '1',
  amount_unit: 'base',
  price_tick: '0.10',
  trading: true,
  ...more,
});

const read = async () => JSON.parse(await readFile(file, 'utf8')) as readonly Record<string, unknown>[];

describe('instruments.json', () => {
  test('holds the contract’s keys alone, one line each, sorted', async () => {
    const saved = await saveInstruments(root, [
      one('okx', 'BTC/USDT:USDT', { contract_size: '0.01', amount_unit: 'contracts' }),
      one('okx', 'BTC/USDT'),
      one('bitflyer', 'BTC/JPY', { price_tick: null }),
    ]);
    expect(saved.ok).toBe(true);
    const list = await read();
    expect(list.map((entry) => `${entry.ex} ${entry.symbol}`)).toEqual([
      'bitflyer BTC/JPY',
      'okx BTC/USDT',
      'okx BTC/USDT:USDT',
    ]);
    expect(list[2]).toEqual({
      ex: 'okx',
      symbol: 'BTC/USDT:USDT',
      id: 'BTCUSDT',
      market: 'linear',
      contract_size: '0.01',
      amount_unit: 'contracts',
      price_tick: '0.10',
    });
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(6);
  });

  test('keeps those of earlier runs and puts the newer in the place of the older', async () => {
    await saveInstruments(root, [one('okx', 'ETH/USDT'), one('okx', 'BTC/USDT')]);
    await saveInstruments(root, [one('okx', 'BTC/USDT', { price_tick: '0.01' }), one('bybit', 'BTC/USDT')]);
    expect((await read()).map((entry) => [entry.ex, entry.symbol, entry.price_tick])).toEqual([
      ['bybit', 'BTC/USDT', '0.10'],
      ['okx', 'BTC/USDT', '0.01'],
      ['okx', 'ETH/USDT', '0.10'],
    ]);
  });

  test.each(['{', '{}', '"x"', 'null', '[null]', '[1]'])(
    'a file that holds %s is a failure that names it, and is left as it is',
    async (text) => {
      await mkdir(join(root, 'raw'));
      await writeFile(file, text);
      const saved = await saveInstruments(root, [one('okx', 'BTC/USDT')]);
      expect(saved).toMatchObject({ ok: false, error: { message: expect.stringContaining(file) } });
      expect(await readFile(file, 'utf8')).toBe(text);
    },
  );
});
