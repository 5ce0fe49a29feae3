import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readRecordings } from '../../src/io/recording.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

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

async function read(...files: readonly string[]) {
  const result = await readRecordings(files);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

describe('reading', () => {
  test('every kind of line; those that replay does not need are left out', async () => {
    const path = await file('a.jsonl', [
      { t: 'header', ts: 1795219200.1, version: 1 },
      { t: 'connect', conn: 'a', ts: 1795219200.123456, addr: 'wss://ws.okx.com:8443/ws/v5/public' },
      { t: 'send', conn: 'a', ts: 1795219200.2, data: '{"op":"subscribe"}' },
      { ...recv(1795219200.3, '{"x":1}'), mono_us: 5, more: [1] },
      { t: 'note', ts: 1795219200.35, data: 'resync' },
      { t: 'http', ts: 1795219200.4, url: 'https://www.okx.com/api/v5/x', data: '{}' },
      { t: 'close', conn: 'a', ts: 1795219200.5 },
    ]);
    expect(await read(path)).toEqual([
      {
        kind: 'connect',
        connection: '0:a',
        localUs: 1_795_219_200_123_456,
        url: 'wss://ws.okx.com:8443/ws/v5/public',
        text: '',
      },
      { kind: 'recv', connection: '0:a', localUs: 1_795_219_200_300_000, url: '', text: '{"x":1}' },
      {
        kind: 'http',
        connection: '0:',
        localUs: 1_795_219_200_400_000,
        url: 'https://www.okx.com/api/v5/x',
        text: '{}',
      },
      { kind: 'close', connection: '0:a', localUs: 1_795_219_200_500_000, url: '', text: '' },
    ]);
  });

  test('merged by time, then by the order of the files, then of the lines', async () => {
    const first = await file('a.jsonl', [
      recv(1795219203, 'a3'),
      recv(1795219201, 'a1'),
      recv(1795219201, 'a1b'),
    ]);
    const second = await file('b.jsonl', [recv(1795219201, 'b1'), recv(1795219200, 'b0')]);
    const frames = await read(first, second);
    expect(frames.map((frame) => frame.text)).toEqual(['b0', 'a1', 'a1b', 'b1', 'a3']);
    // One name in two files is two connections.
    expect(new Set(frames.map((frame) => frame.connection))).toEqual(new Set(['0:a', '1:a']));
  });

  test('gzip, one member or many, is as plain', async () => {
    const lines = Array.from({ length: 2_000 }, (_, at) => recv(1795219200 + at, `${at} ${'x'.repeat(90)}`));
    const path = await file('a.jsonl.gz', lines);
    expect((await read(path)).map((frame) => frame.text)).toEqual(lines.map((one) => one.data));
    const parts = [lines.slice(0, 3), lines.slice(3, 5)].map((some) =>
      gzipSync(some.map((one) => `${JSON.stringify(one)}\n`).join('')),
    );
    await writeFile(path, Buffer.concat(parts));
    expect(await read(path)).toHaveLength(5);
  });

  test('CRLF, empty lines and no line end at the end', async () => {
    const path = await file(
      'a.jsonl',
      [`${JSON.stringify(recv(1795219200, 'a'))}\r`, '', recv(1795219201, 'b')],
      '',
    );
    expect((await read(path)).map((frame) => frame.text)).toEqual(['a', 'b']);
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
  ])('%s: %s', async (code, line, place) => {
    const path = await file('a.jsonl', [recv(1795219200, 'a'), line, recv(1795219201, 'b')]);
    const result = await readRecordings([path]);
    expect(result).toMatchObject({ ok: false, error: { code, message: expect.stringContaining(place) } });
  });

  test('a file that is missing, a folder, no gzip, and a gzip that was cut', async () => {
    const whole = gzipSync(
      Array(500)
        .fill(JSON.stringify(recv(1795219200, 'a')))
        .join('\n'),
    );
    await mkdir(join(root, 'folder.jsonl'));
    await writeFile(join(root, 'plain.gz'), 'no gzip at all');
    await writeFile(join(root, 'cut.gz'), whole.subarray(0, whole.length / 2));
    const codes = await Promise.all(
      ['missing.jsonl', 'missing.gz', 'folder.jsonl', 'plain.gz', 'cut.gz'].map(async (name) => {
        const result = await readRecordings([join(root, name)]);
        return result.ok ? 'ok' : [result.error.code, result.error.message.startsWith(join(root, name))];
      }),
    );
    expect(codes).toEqual([
      ['ENOENT', true],
      ['ENOENT', true],
      ['EISDIR', true],
      ['Z_DATA_ERROR', true],
      ['Z_BUF_ERROR', true],
    ]);
  });
});
