/** What the fault tests take for a file: proved on folders made by hand. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HEADERS } from '../../src/flow/rows.ts';
import { checkReplaced, grownLines, grownRows } from './recorded.ts';

const FILE = 'trades-okx-BTC-USDT.csv';
let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'tapedeck-recorded-'));
  mkdirSync(join(data, 'raw'));
});
afterEach(() => rmSync(data, { recursive: true }));

function put(path: string, rows: string): void {
  const text = `${HEADERS.trades}\n${rows}`;
  mkdirSync(dirname(join(data, path)), { recursive: true });
  writeFileSync(join(data, path), path.endsWith('.gz') ? gzipSync(text) : text);
}

describe('a file over its closed parts', () => {
  test('by day, then by number, then the live one; each part once, compressed or not', () => {
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT.010.csv', 'd\n');
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT.002.csv.gz', 'c\n');
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT.002.csv', 'c\n');
    put('raw/archive/2026-11-20/trades-okx-BTC-USDT.011.csv.gz', 'a\nb\n');
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT_USDT.001.csv', 'another\n');
    put('raw/archive/manifest.jsonl', '');
    expect(grownRows(data, FILE)).toEqual({ text: 'a\nb\nc\nd\n', tail: '' });
    put(`raw/${FILE}`, 'e\nf');
    expect(grownRows(data, FILE)).toEqual({ text: 'a\nb\nc\nd\ne\n', tail: 'f' });
  });

  test('nothing but the beginning of a header is a torn end', () => {
    writeFileSync(join(data, 'raw', FILE), 'exchange,sym');
    expect(grownRows(data, FILE)).toEqual({ text: '', tail: 'exchange,sym' });
  });

  test('a part that is there twice, and not the same, is an error', () => {
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT.001.csv', 'a\nb\n');
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT.001.csv.gz', 'a\n');
    expect(() => grownRows(data, FILE)).toThrow('differ');
  });

  test('a part that ends within a row, and one that is no whole gzip, are errors', () => {
    put('raw/archive/2026-11-21/trades-okx-BTC-USDT.001.csv', 'a\nb');
    expect(() => grownRows(data, FILE)).toThrow('ends within a row');
    writeFileSync(
      join(data, 'raw/archive/2026-11-21/trades-okx-BTC-USDT.000.csv.gz'),
      gzipSync('a\n').subarray(0, 20),
    );
    expect(() => grownRows(data, FILE)).toThrow('unexpected end of file');
  });
});

describe('whole or not', () => {
  test.each([
    ['latest/a.csv', 'exchange,symbol,timestamp,x\na,b,1,2\n', null],
    ['latest/a.csv', 'exchange,symbol,timestamp,x\na,b,1,2', 'not whole'],
    ['latest/a.csv', '', 'not whole'],
    ['collector/a.json', '{"a":1}\n', null],
    ['collector/a.json', '{"a":', 'not whole'],
    ['collector/a.json', '', 'not whole'],
  ])('%s: %j', (path, content, problem) => {
    if (problem === null) checkReplaced(path, content);
    else expect(() => checkReplaced(path, content)).toThrow(problem);
  });

  test('a ledger may end within a line, but hold no bad one', () => {
    const path = join(data, 'events.jsonl');
    writeFileSync(path, '{"a":1}\n{"b"');
    expect(grownLines(path)).toEqual({ text: '{"a":1}\n', tail: '{"b"' });
    writeFileSync(path, '{"a":1}\n{"b"\n');
    expect(() => grownLines(path)).toThrow('not whole');
  });
});
