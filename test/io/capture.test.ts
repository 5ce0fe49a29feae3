import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readLines } from '../../src/io/recording.ts';
import { type CaptureBench, captureBench, SUBJECT } from '../support/capture.ts';
import { CLOCK_START_US } from '../support/clock.ts';
import { turn, watched } from '../support/writer.ts';

let bench: CaptureBench;
beforeEach(async () => {
  bench = await captureBench();
});
afterEach(() => bench.remove());

const HOUR_MS = 3_600_000;
const lines = (member: string | undefined) =>
  (member ?? '')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

describe('lines', () => {
  test('every kind, in order, below a header that tells all that a replay needs', async () => {
    const capture = bench.create();
    capture.note('start');
    capture.connect('public', 'wss://ws.okx.com/v5');
    capture.send('public', '{"op":"subscribe"}');
    bench.clock.advance(12.345);
    bench.recv(capture, '{"a":"1"}');
    capture.http('rest', 'https://www.okx.com/x?y=1', '[]', CLOCK_START_US + 11_000);
    capture.note('resync', { symbol: 'BTC/USDT', reason: 'overflow' });
    capture.disconnect('public', 'ECONNRESET read');
    await capture.close();
    const parts = await bench.parts();
    expect(Object.keys(parts)).toEqual(['2026-11-21/00.jsonl.gz']);
    const at = { ts: 1795219200, mono_us: 0 };
    const later = { ts: 1795219200.012345, mono_us: 12_345 };
    const text = parts['2026-11-21/00.jsonl.gz']?.join('');
    // Six decimals, always: a text that other programs can cut.
    expect(text?.match(/"ts":[^,]*/g)).toEqual([
      ...Array<string>(4).fill('"ts":1795219200.000000'),
      '"ts":1795219200.012345',
      '"ts":1795219200.011000',
      ...Array<string>(2).fill('"ts":1795219200.012345'),
    ]);
    expect(lines(text)).toEqual([
      {
        t: 'header',
        ts: 1795219200,
        run: 1795219200,
        program: 'tapedeck',
        schema_version: 1,
        ...SUBJECT,
        part: 1,
        line: 0,
        connections: [],
      },
      { t: 'note', ...at, what: 'start' },
      { t: 'connect', ...at, conn: 'public', addr: 'wss://ws.okx.com/v5' },
      { t: 'send', ...at, conn: 'public', data: '{"op":"subscribe"}' },
      { t: 'recv', ...later, conn: 'public', data: '{"a":"1"}' },
      { t: 'http', ...later, ts: 1795219200.011, conn: 'rest', url: 'https://www.okx.com/x?y=1', data: '[]' },
      { t: 'note', ...later, what: 'resync', symbol: 'BTC/USDT', reason: 'overflow' },
      { t: 'close', ...later, conn: 'public', data: 'ECONNRESET read' },
    ]);
  });

  test('the µs of a time and any text come back exactly', async () => {
    const capture = bench.create();
    const frames = Array.from({ length: 3_000 }, (_, at) => ({
      us: CLOCK_START_US + at * 333_331,
      text: `${at} "\\ \n\t${String.fromCodePoint(0x1f600 + (at % 50))} ${'長'.repeat(at % 300)} \ud800`,
    }));
    for (const { us, text } of frames) capture.recv('public', text, us);
    await capture.close();
    const read: (readonly [string, number])[] = [];
    for await (const some of readLines(join(bench.root, 'capture/okx/trades/2026-11-21/00.jsonl.gz'), String))
      if (some.ok) for (const one of some.value) if (one.kind === 'recv') read.push([one.text, one.localUs]);
    expect(read).toEqual(frames.map(({ us, text }) => [text, us]));
  });
});

describe('members and parts', () => {
  test('one member each second in which there was something, and no file without', async () => {
    const capture = bench.create();
    bench.clock.advance(5_000);
    await turn();
    expect([await bench.parts(), capture.status().files]).toEqual([{}, 0]);
    for (const text of ['a', 'b']) bench.recv(capture, text);
    await bench.flush(() => capture.status().bytes > 0);
    const { bytes } = capture.status();
    bench.recv(capture, 'c');
    await bench.flush(() => capture.status().bytes > bytes);
    bench.clock.advance(5_000);
    await capture.close();
    const members = (await bench.parts())['2026-11-21/00.jsonl.gz'];
    expect(members?.map((one) => lines(one).map(({ t, data }) => data ?? t))).toEqual([
      ['header', 'a', 'b'],
      ['c'],
    ]);
    const size = (await readFile(join(bench.root, 'capture/okx/trades/2026-11-21/00.jsonl.gz'))).length;
    expect(capture.status()).toEqual({
      failing: false,
      files: 1,
      bytes: size,
      dropped: 0,
      errors: 0,
      last_error: null,
    });
  });

  test('a member at once when there is much; on disk within the next second', async () => {
    const { ops, count } = watched();
    const capture = bench.create({ ops, flushBytes: 1_000 });
    const synced = count('sync');
    for (let at = 0; at < 20; at++) bench.recv(capture, 'x'.repeat(300));
    while (capture.status().bytes === 0 || count('write') < 2) await turn();
    // That of the new folders is another matter.
    const written = count('write');
    const folders = count('sync') - synced;
    await bench.flush(() => count('sync') > synced + folders);
    expect([written > 1, count('sync') - synced - folders]).toEqual([true, 1]);
    // Nothing new: nothing to do.
    await bench.flush(() => true);
    await turn();
    expect(count('sync')).toBe(synced + folders + 1);
    await capture.close();
    expect((await bench.played()).texts).toHaveLength(20);
  });

  test('a part an hour of receipt; an answer that was received before it stays with what is applied after it', async () => {
    const capture = bench.create();
    bench.clock.advance(HOUR_MS - 1_000);
    bench.recv(capture, 'before');
    const receivedUs = bench.clock.wallUs();
    await bench.flush(() => capture.status().bytes > 0);
    bench.recv(capture, 'after');
    capture.http('rest', 'https://x/', 'late', receivedUs);
    bench.recv(capture, 'after it');
    bench.clock.advance(23 * HOUR_MS - 1);
    bench.recv(capture, 'the last of the day');
    bench.clock.advance(1);
    bench.recv(capture, 'the next day');
    await capture.close();
    const parts = await bench.parts();
    const told = Object.entries(parts).map(([name, members]) => [
      name,
      ...lines(members.join('')).map(({ t, data, part, line }) => data ?? `${t} ${part} ${line}`),
    ]);
    expect(told).toEqual([
      ['2026-11-21/00.jsonl.gz', 'header 1 0', 'before'],
      ['2026-11-21/01.jsonl.gz', 'header 2 1', 'after', 'late', 'after it'],
      ['2026-11-21/23.jsonl.gz', 'header 3 4', 'the last of the day'],
      ['2026-11-22/00.jsonl.gz', 'header 4 5', 'the next day'],
    ]);
    expect(capture.status().files).toBe(4);
  });

  test('what is there is never touched: not another run’s part, not a torn one, not a stranger’s', async () => {
    const folder = join(bench.root, 'capture/okx/trades/2026-11-21');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '00.jsonl.gz'), 'torn');
    await writeFile(join(folder, '00_003.jsonl.gz'), '');
    for (const text of ['first', 'second']) {
      const capture = bench.create();
      bench.recv(capture, text);
      await capture.close();
    }
    expect(await readFile(join(folder, '00.jsonl.gz'), 'utf8')).toBe('torn');
    expect(await readFile(join(folder, '00_003.jsonl.gz'), 'utf8')).toBe('');
    const dataOf = async (name: string) => {
      for await (const some of readLines(join(folder, name), String))
        return some.ok ? some.value.flatMap((one) => (one.kind === 'recv' ? one.text : [])) : some.error;
      return null;
    };
    expect([await dataOf('00_002.jsonl.gz'), await dataOf('00_004.jsonl.gz')]).toEqual([
      ['first'],
      ['second'],
    ]);
  });

  test('a wall clock that is set back by more than a second begins a part; one that is slewed does not', async () => {
    const capture = bench.create();
    const step = (us: number) => bench.clock.stepWall(bench.clock.wallUs() + us);
    bench.recv(capture, 'a');
    step(-900_000);
    bench.recv(capture, 'slewed');
    step(600_000_000);
    bench.recv(capture, 'forward');
    step(-600_000_000);
    bench.recv(capture, 'back again');
    step(-1_100_000);
    bench.recv(capture, 'and again');
    step(-900_000);
    bench.recv(capture, 'slewed');
    step(-200_000);
    bench.recv(capture, 'by more than a second in all');
    await capture.close();
    const told = Object.entries(await bench.parts()).map(([name, members]) => [
      name,
      ...lines(members.join('')).flatMap(({ data }) => data ?? []),
    ]);
    expect(told).toEqual([
      ['2026-11-20/23.jsonl.gz', 'back again'],
      ['2026-11-20/23_002.jsonl.gz', 'and again', 'slewed'],
      ['2026-11-20/23_003.jsonl.gz', 'by more than a second in all'],
      ['2026-11-21/00.jsonl.gz', 'a', 'slewed', 'forward'],
    ]);
    const { texts } = await bench.played();
    expect(texts.slice(0, 5)).toEqual(['a', 'slewed', 'forward', 'back again', 'and again']);
  });

  test('a part tells which connections were open before its first line', async () => {
    const capture = bench.create();
    capture.connect('spot', 'wss://a/');
    capture.connect('linear', 'wss://b/');
    bench.clock.advance(HOUR_MS);
    capture.disconnect('spot', 'x');
    capture.connect('linear', 'wss://c/');
    bench.clock.advance(HOUR_MS);
    bench.recv(capture, 'z');
    await capture.close();
    const open = Object.values(await bench.parts()).map((members) => lines(members[0])[0]?.connections);
    expect(open).toEqual([
      [],
      [
        { conn: 'spot', addr: 'wss://a/' },
        { conn: 'linear', addr: 'wss://b/' },
      ],
      [{ conn: 'linear', addr: 'wss://c/' }],
    ]);
  });

  test('a frame larger than any buffer', async () => {
    const capture = bench.create();
    bench.recv(capture, 'small');
    bench.recv(capture, '円'.repeat(1_500_000));
    bench.recv(capture, 'small again');
    await capture.close();
    expect((await bench.played()).texts.map((text) => text.length)).toEqual([5, 1_500_000, 11]);
  });
});

test('after the end nothing is taken, and nothing is left behind', async () => {
  const capture = bench.create();
  bench.recv(capture, 'a');
  await Promise.all([capture.close(), capture.close()]);
  expect(bench.clock.pending()).toBe(0);
  expect((await bench.played()).texts).toEqual(['a']);
  expect(bench.facts).toEqual([]);
});

test('other instruments: a note, and the headers of the parts that begin after it', async () => {
  const capture = bench.create();
  const [btc] = SUBJECT.instruments;
  const eth = { symbol: 'ETH/USDT', id: 'ETH-USDT', market: 'spot' } as const;
  capture.note('start');
  bench.clock.advance(HOUR_MS);
  // The part of this hour begins before it.
  bench.recv(capture, '{"a":"1"}');
  capture.instruments([btc, eth]);
  bench.clock.advance(HOUR_MS);
  bench.recv(capture, '{"a":"2"}');
  await capture.close();
  const parts = Object.values(await bench.parts()).map((members) => lines(members.join('')));
  expect(parts.map(([header]) => header?.instruments)).toEqual([[btc], [btc], [btc, eth]]);
  const told = parts.flat().find(({ what }) => what === 'instruments');
  expect(told).toMatchObject({ t: 'note', instruments: [btc, eth] });
});
