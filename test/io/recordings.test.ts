import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findRecordings, type Moment, playRecordings } from '../../src/io/recordings.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { CAPTURE_TS, captureHeader } from '../support/recordings.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

async function file(name: string, lines: readonly object[], cut = 0): Promise<string> {
  const path = join(root, name);
  const text = lines.map((one) => `${JSON.stringify(one)}\n`).join('');
  await mkdir(dirname(path), { recursive: true });
  const bytes = name.endsWith('.gz') ? gzipSync(text) : Buffer.from(text);
  await writeFile(path, bytes.subarray(0, bytes.length - cut));
  return path;
}

const recv = (sec: number, data: string, conn = 'a') => ({ t: 'recv', conn, ts: CAPTURE_TS + sec, data });

async function play(...paths: readonly string[]) {
  const warnings: string[] = [];
  const moments: Moment[] = [];
  const found = await findRecordings(paths);
  if (!found.ok) return { moments, warnings, error: found.error };
  for await (const some of playRecordings(found.value, (message) => warnings.push(message))) {
    if (!some.ok) return { moments, warnings, error: some.error };
    moments.push(...some.value);
  }
  return { moments, warnings, error: null };
}

/** Frames by their text, parts by their number and what is missing before them. */
const told = ({ moments }: { readonly moments: readonly Moment[] }) =>
  moments.map(({ line }) => {
    if (line.kind === 'part') return `part ${line.header.part}${line.missing > 0 ? ` -${line.missing}` : ''}`;
    return line.kind === 'note' ? line.what : line.text;
  });

describe('other people’s recordings', () => {
  test('are merged by time, then by the order of the files, then of the lines', async () => {
    const first = await file('a.jsonl', [recv(3, 'a3'), recv(1, 'a1'), recv(1, 'a1b')]);
    const second = await file('b.jsonl.gz', [recv(1, 'b1'), recv(0, 'b0')]);
    const { moments } = await play(first, second);
    expect(told({ moments })).toEqual(['b0', 'a1', 'a1b', 'b1', 'a3']);
    // One name in two files is two connections.
    const connections = moments.map(({ line }) => (line.kind === 'recv' ? line.connection : line.kind));
    expect(new Set(connections)).toEqual(new Set(['0:a', '1:a']));
  });

  test('of a folder: all below it, by name, and nothing else', async () => {
    await file('in/z.jsonl', [recv(0, 'z')]);
    await file('in/deep/er/a.jsonl.gz', [recv(0, 'deep')]);
    await file('in/b.jsonl', [recv(0, 'b')]);
    await writeFile(join(root, 'in/notes.txt'), 'not a recording');
    await mkdir(join(root, 'in/folder.jsonl'));
    expect(told(await play(join(root, 'in')))).toEqual(['b', 'deep', 'z']);
    // Once, however often it is named.
    expect(told(await play(join(root, 'in/b.jsonl'), join(root, 'in')))).toEqual(['b', 'deep', 'z']);
  });

  test('a folder without any, and a path that is not there, are failures', async () => {
    await mkdir(join(root, 'empty'));
    expect((await play(join(root, 'empty'))).error).toMatchObject({
      code: 'ENOENT',
      message: `${join(root, 'empty')}: no .jsonl or .jsonl.gz below it`,
    });
    expect((await play(join(root, 'nowhere'))).error?.code).toBe('ENOENT');
  });

  test('a failure is the last thing given', async () => {
    const good = await file('a.jsonl', [recv(0, 'a')]);
    const bad = await file('b.jsonl', [recv(0, 'b'), { t: 'recv' }]);
    expect((await play(good, bad)).error?.message).toContain('b.jsonl:2: ts: expected');
  });
});

describe('our captures', () => {
  test('are played in the order of their lines, whatever the clocks said; time does not go back', async () => {
    const path = await file('a.jsonl', [captureHeader(), recv(5, 'one'), recv(2, 'two'), recv(6, 'three')]);
    const { moments } = await play(path);
    expect(told({ moments })).toEqual(['part 1', 'one', 'two', 'three']);
    expect(moments.map(({ atUs }) => atUs / 1e6 - CAPTURE_TS)).toEqual([0, 5, 5, 6]);
    // What the row will say is what was recorded.
    expect(moments.map(({ line }) => ('localUs' in line ? line.localUs / 1e6 - CAPTURE_TS : null))).toEqual([
      null,
      5,
      2,
      6,
    ]);
    expect(moments.map(({ line }) => ('connection' in line ? line.connection : null))).toContain('a');
  });

  test('are merged by time with those of other feeds and with recordings of others', async () => {
    const trades = await file('t.jsonl', [captureHeader(), recv(1, 't1'), recv(4, 't4'), recv(3, 't3')]);
    const ticker = await file('k.jsonl.gz', [
      captureHeader({ feed: 'ticker' }),
      recv(2, 'k2'),
      recv(4, 'k4'),
    ]);
    const other = await file('o.jsonl', [recv(3.5, 'o'), recv(0, 'o0')]);
    const { moments } = await play(trades, ticker, other);
    expect(told({ moments })).toEqual(['part 1', 'part 1', 'o0', 't1', 'k2', 'o', 't4', 't3', 'k4']);
    expect(moments.map(({ track }) => track)).toEqual([0, 1, 2, 0, 1, 2, 0, 0, 1]);
  });

  test('of one feed: the runs as they began, in each the parts by number, whatever their files are called', async () => {
    const later = { run: CAPTURE_TS + 100 };
    await file('09_003.jsonl', [captureHeader({ ...later, part: 2, line: 1 }), recv(2, 'second run, 2')]);
    await file('09_002.jsonl', [captureHeader({ ...later, part: 1 }), recv(1, 'second run, 1')]);
    await file('10.jsonl', [captureHeader({ part: 1 }), recv(3, 'first run, 1')]);
    await file('08.jsonl', [captureHeader({ part: 2, line: 1 }), recv(4, 'first run, 2')]);
    expect(told(await play(root))).toEqual([
      'part 1',
      'first run, 1',
      'part 2',
      'first run, 2',
      'part 1',
      'second run, 1',
      'part 2',
      'second run, 2',
    ]);
  });

  test('a line that two parts hold is played once; every kind of line but the header counts', async () => {
    const send = { t: 'send', conn: 'a', ts: CAPTURE_TS, data: 'x' };
    await file('1.jsonl', [captureHeader(), recv(0, '0'), send, recv(2, '2')]);
    await file('2.jsonl', [captureHeader({ part: 2, line: 1 }), send, recv(2, '2'), recv(3, '3')]);
    const { moments, warnings } = await play(root);
    expect([told({ moments }), warnings]).toEqual([['part 1', '0', '2', 'part 2', '3'], []]);
  });

  test('lines that are missing before a part are told: to the reader, and to who plays it', async () => {
    await file('1.jsonl.gz', [captureHeader(), recv(0, '0')]);
    const second = await file('2.jsonl.gz', [captureHeader({ part: 2, line: 5 }), recv(2, '5')]);
    const whole = await play(root);
    expect(told(whole)).toEqual(['part 1', '0', 'part 2 -4', '5']);
    expect(whole.warnings).toEqual([`${second}: 4 lines of its run are missing before it`]);
    const alone = await play(second);
    expect(told(alone)).toEqual(['part 2 -5', '5']);
    expect(alone.warnings).toEqual([`${second}: 5 lines of its run are missing before it`]);
  });

  test('a torn part does not end its run', async () => {
    const first = await file('1.jsonl', [captureHeader(), recv(0, '0'), recv(1, '1')], 5);
    await file('2.jsonl', [captureHeader({ part: 2, line: 1 }), recv(1, '1'), recv(2, '2')]);
    const { moments, warnings } = await play(root);
    expect(told({ moments })).toEqual(['part 1', '0', 'part 2', '1', '2']);
    expect(warnings).toEqual([expect.stringContaining(`${first}:3: torn`)]);
  });

  test('one that was torn before its header was whole says so, and is nothing', async () => {
    const torn = await file('1.jsonl.gz', [captureHeader()], 50);
    await file('2.jsonl.gz', [captureHeader({ run: CAPTURE_TS + 1 }), recv(2, 'next run')]);
    const { moments, warnings, error } = await play(root);
    expect([told({ moments }), error]).toEqual([['part 1', 'next run'], null]);
    expect(warnings).toEqual([expect.stringContaining(`${torn}: torn at byte 0`)]);
  });

  test('events that were lost are told with the line that gave them, over parts, and past what was sent', async () => {
    const overflow = (event: number) => ({
      t: 'note',
      ts: CAPTURE_TS,
      what: 'overflow',
      symbol: 'BTC/USDT',
      event,
    });
    const send = { t: 'send', conn: 'a', ts: CAPTURE_TS, data: 'x' };
    await file('1.jsonl', [captureHeader(), recv(0, 'none'), recv(1, 'two'), overflow(2), send]);
    const second = captureHeader({ part: 2, line: 4 });
    await file('2.jsonl', [second, overflow(4), recv(2, 'one'), overflow(1), overflow(3)]);
    const { moments } = await play(root);
    expect(moments.map(({ lost }) => lost)).toEqual([[], [], [2, 4], [], [1, 3]]);
  });

  test('are not read ahead: a hundred thousand lines are given a few at a time', async () => {
    const lines = Array.from({ length: 100 }, (_, at) => recv(at, 'x'.repeat(100)));
    const member = gzipSync(lines.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const head = gzipSync(`${JSON.stringify(captureHeader())}\n`);
    const path = join(root, 'long.jsonl.gz');
    await writeFile(path, Buffer.concat([head, ...Array<Buffer>(1_000).fill(member)]));
    const found = await findRecordings([path]);
    if (!found.ok) throw new Error(found.error.message);
    let most = 0;
    let all = 0;
    for await (const some of playRecordings(found.value, () => undefined)) {
      most = Math.max(most, some.ok ? some.value.length : 0);
      all += some.ok ? some.value.length : 0;
    }
    expect([all, most]).toEqual([100_001, 1_000]);
  });
});
