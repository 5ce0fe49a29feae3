import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RecordedLine, readLines } from '../../src/io/recording.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { captureHeader } from '../support/recordings.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

async function file(name: string, lines: readonly (object | string)[], end = '\n'): Promise<string> {
  const path = join(root, name);
  const text = lines.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n') + end;
  await writeFile(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

const recv = (ts: number, data: string, conn = 'a') => ({ t: 'recv', conn, ts, data });

/** All lines of a file, up to its failure. */
async function read(path: string) {
  const lines: RecordedLine[] = [];
  const warnings: string[] = [];
  for await (const some of readLines(path, (message) => warnings.push(message))) {
    if (!some.ok) return { lines, warnings, error: some.error };
    lines.push(...some.value);
  }
  return { lines, warnings, error: null };
}

const texts = ({ lines }: { readonly lines: readonly RecordedLine[] }) =>
  lines.map((one) => (one.kind === 'recv' ? one.text : one.kind));

const BTC = { symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' };

describe('reading', () => {
  test('every kind of line', async () => {
    const path = await file('a.jsonl', [
      { t: 'header', ts: 1795219200.1, version: 1, exchange: 'OKX' },
      { t: 'connect', conn: 'a', ts: 1795219200.123456, addr: 'wss://ws.okx.com:8443/ws/v5/public' },
      { t: 'send', conn: 'a', ts: 1795219200.2, data: '{"op":"subscribe"}' },
      { ...recv(1795219200.3, '{"x":1}'), mono_us: 5, more: [1] },
      { t: 'note', ts: 1795219200.35, data: 'resync' },
      { t: 'note', ts: 1795219200.36, what: 'resync', symbol: 'BTC/USDT', reason: 'overflow' },
      { t: 'note', ts: 1795219200.37, what: 'instruments', instruments: [BTC] },
      { t: 'http', ts: 1795219200.4, url: 'https://www.okx.com/api/v5/x', data: '{}' },
      { t: 'close', conn: 'a', ts: 1795219200.5 },
    ]);
    const note = { kind: 'note', what: '', symbol: '', reason: '', ids: '', instruments: [], event: 0 };
    expect((await read(path)).lines).toEqual([
      { kind: 'other' },
      {
        kind: 'connect',
        connection: 'a',
        localUs: 1_795_219_200_123_456,
        url: 'wss://ws.okx.com:8443/ws/v5/public',
        text: '',
      },
      { kind: 'other' },
      { kind: 'recv', connection: 'a', localUs: 1_795_219_200_300_000, url: '', text: '{"x":1}' },
      { ...note, localUs: 1_795_219_200_350_000 },
      { ...note, localUs: 1_795_219_200_360_000, what: 'resync', symbol: 'BTC/USDT', reason: 'overflow' },
      { ...note, localUs: 1_795_219_200_370_000, what: 'instruments', instruments: [BTC] },
      {
        kind: 'http',
        connection: '',
        localUs: 1_795_219_200_400_000,
        url: 'https://www.okx.com/api/v5/x',
        text: '{}',
      },
      { kind: 'close', connection: 'a', localUs: 1_795_219_200_500_000, url: '', text: '' },
    ]);
  });

  test('the header of a capture', async () => {
    const header = captureHeader({ run: 1795219200.000001, part: 2, line: 7 });
    const path = await file('a.jsonl', [header]);
    expect((await read(path)).lines).toEqual([
      {
        kind: 'header',
        localUs: 1_795_219_200_000_001,
        header: {
          version: '0.0.0',
          venue: 'okx',
          feed: 'trades',
          options: { depth: 200, stream: null },
          instruments: [{ symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' }],
          runUs: 1_795_219_200_000_001,
          part: 2,
          line: 7,
          connections: [],
        },
      },
    ]);
  });

  test('gzip, one member or many, is as plain', async () => {
    const lines = Array.from({ length: 2_000 }, (_, at) => recv(1795219200 + at, `${at} ${'x'.repeat(90)}`));
    const path = await file('a.jsonl.gz', lines);
    expect(texts(await read(path))).toEqual(lines.map((one) => one.data));
    const parts = [lines.slice(0, 3), lines.slice(3, 5)].map((some) =>
      gzipSync(some.map((one) => `${JSON.stringify(one)}\n`).join('')),
    );
    await writeFile(path, Buffer.concat(parts));
    expect(texts(await read(path))).toEqual(lines.slice(0, 5).map((one) => one.data));
  });

  test('lines and characters that begin in one member and end in another', async () => {
    const text = Buffer.from(
      `${JSON.stringify(recv(1795219200, '円ドル'))}\n${JSON.stringify(recv(1795219201, 'b'))}\n`,
    );
    for (let at = 0; at <= text.length; at++) {
      const path = join(root, `${at}.gz`);
      await writeFile(path, Buffer.concat([gzipSync(text.subarray(0, at)), gzipSync(text.subarray(at))]));
      expect(texts(await read(path))).toEqual(['円ドル', 'b']);
    }
  });

  test('CRLF, empty lines and no line end at the end', async () => {
    const path = await file(
      'a.jsonl',
      [`${JSON.stringify(recv(1795219200, 'a'))}\r`, '', '\r', recv(1795219201, 'b')],
      '',
    );
    expect(await read(path)).toMatchObject({ warnings: [], error: null });
    expect(texts(await read(path))).toEqual(['a', 'b']);
  });
});

describe('a torn end is a warning: everything before it is given', () => {
  const LINES = ['a', 'b', 'c'].map((data, at) => recv(1795219200 + at, data));

  test('of a plain file, at any byte', async () => {
    const path = await file('a.jsonl', LINES);
    const text = LINES.map((one) => `${JSON.stringify(one)}\n`).join('');
    for (let size = 1; size < text.length; size++) {
      await writeFile(path, text.slice(0, size));
      const got = await read(path);
      const whole = text.slice(0, size).split('\n').slice(0, -1);
      const left = size - whole.join('\n').length - (whole.length > 0 ? 1 : 0);
      // Only its line end is missing: nothing is torn.
      const isLine = text[size] === '\n';
      expect(texts(got)).toEqual(['a', 'b', 'c'].slice(0, whole.length + (isLine ? 1 : 0)));
      const warning = `${path}:${whole.length + 1}: torn: its last ${left} bytes are no whole line, and are left out`;
      expect([got.error, got.warnings]).toEqual([null, isLine || left === 0 ? [] : [warning]]);
    }
  });

  test('of a gzip file: the last member is cut', async () => {
    const members = LINES.map((one) => gzipSync(`${JSON.stringify(one)}\n`));
    const path = join(root, 'a.jsonl.gz');
    const offset = (members[0]?.length ?? 0) + (members[1]?.length ?? 0);
    await writeFile(path, Buffer.concat(members).subarray(0, offset + 30));
    const got = await read(path);
    expect([texts(got), got.error]).toEqual([['a', 'b'], null]);
    expect(got.warnings).toEqual([
      expect.stringContaining(`${path}: torn at byte ${offset}: its last 30 bytes are`),
    ]);
  });

  test('of a gzip file of one member: what whole lines it still holds', async () => {
    const lines = Array.from({ length: 500 }, (_, at) => recv(1795219200 + at, String(Math.sin(at))));
    const whole = gzipSync(lines.map((one) => JSON.stringify(one)).join('\n'));
    const path = join(root, 'cut.gz');
    await writeFile(path, whole.subarray(0, whole.length / 2));
    const got = await read(path);
    expect(got.lines.length).toBeGreaterThan(100);
    expect(texts(got)).toEqual(lines.slice(0, got.lines.length).map((one) => one.data));
    expect([got.warnings.length, got.error]).toEqual([1, null]);
  });
});

describe('what cannot be read is told with its place', () => {
  test.each([
    ['not_json', '{"t":"recv"', 'a.jsonl:2: '],
    ['wrong_shape', '[1]', 'a.jsonl:2: expected a line of a recording'],
    ['wrong_shape', '{"t":"other","ts":1795219200}', 'a.jsonl:2: expected a line of a recording'],
    ['wrong_shape', '{"t":"recv","conn":"a","data":"x"}', 'a.jsonl:2: ts: expected epoch seconds'],
    ['wrong_shape', '{"t":"recv","conn":"a","ts":-5,"data":"x"}', 'a.jsonl:2: ts: expected epoch seconds'],
    ['wrong_shape', '{"t":"recv","conn":"a","ts":1e99,"data":"x"}', 'a.jsonl:2: ts: expected epoch seconds'],
    [
      'wrong_shape',
      JSON.stringify({ ...captureHeader(), schema_version: 2 }),
      "a.jsonl:2: expected a capture's header, schema_version 1",
    ],
  ])('%s: %s', async (code, line, place) => {
    const path = await file('a.jsonl', [recv(1795219200, 'a'), line, recv(1795219201, 'b')]);
    const { error } = await read(path);
    expect(error).toMatchObject({ code, message: expect.stringContaining(place) });
  });

  test('a file that is missing, a folder, no gzip, and damage in the middle', async () => {
    const members = ['a', 'b', 'c'].map((data, at) =>
      gzipSync(`${JSON.stringify(recv(1795219200 + at, data))}\n`),
    );
    const damaged = Buffer.concat(members);
    damaged.fill(0x55, (members[0]?.length ?? 0) + 12, (members[0]?.length ?? 0) + 20);
    await mkdir(join(root, 'folder.jsonl'));
    await writeFile(join(root, 'plain.gz'), 'no gzip at all');
    await writeFile(join(root, 'damaged.gz'), damaged);
    const codes = await Promise.all(
      ['missing.jsonl', 'missing.gz', 'folder.jsonl', 'plain.gz', 'damaged.gz'].map(async (name) => {
        const { error, lines, warnings } = await read(join(root, name));
        return [error?.code, error?.message.startsWith(join(root, name)), lines.length, warnings];
      }),
    );
    expect(codes).toEqual([
      ['ENOENT', true, 0, []],
      ['ENOENT', true, 0, []],
      ['EISDIR', true, 0, []],
      ['Z_DATA_ERROR', true, 0, []],
      ['Z_DATA_ERROR', true, 1, []],
    ]);
  });
});
