/** Parts of captures that are missing: written by the capture itself, then taken away. */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Capture } from '../../../src/core/capture.ts';
import { gunzipMembers } from '../../../src/io/gunzip.ts';
import type { VerifyReport } from '../../../src/runtime/verify/report.ts';
import { type CaptureBench, captureBench } from '../../support/capture.ts';
import { append, put, putGap, putLive, readBytes, trades, verified } from '../../support/data-files.ts';

const OKX = { venue: 'okx', symbol: 'BTC/USDT' };
const FOLDER = 'capture/okx/trades/2026-11-21';
const FILES = [0, 1, 2].map((hour) => `${FOLDER}/0${hour}.jsonl.gz`);
const [FIRST = '', MIDDLE = '', LAST = ''] = FILES;
const HOUR_MS = 3_600_000;

let bench: CaptureBench;
beforeEach(async () => {
  bench = await captureBench();
  put(bench.root, 'raw/instruments.json', '[]');
});
afterEach(() => bench.remove());

const now = (): number => bench.clock.wallUs() / 1e6;
const event = (type: string, scope = 'collector'): void =>
  append(bench.root, 'collector/events.jsonl', { ts: now(), type, scope });

/** Two members, each of two frames. */
async function record(capture: Capture): Promise<void> {
  for (const text of ['a', 'b']) {
    const { bytes } = capture.status();
    bench.recv(capture, text);
    bench.recv(capture, text);
    await bench.flush(() => capture.status().bytes > bytes);
  }
}

/** A run over three hours, of three members a part in the end; stopped in order, or not. */
async function run(end: 'stop' | 'kill'): Promise<void> {
  event('start');
  const capture = bench.create();
  capture.note('start');
  await record(capture);
  for (let hour = 1; hour < 3; hour++) {
    bench.clock.advance(HOUR_MS - ((bench.clock.wallUs() / 1000) % HOUR_MS));
    await record(capture);
  }
  if (end === 'stop') {
    capture.note('stop');
  }
  await capture.close();
  if (end === 'stop') event('stop');
}

async function membersOf(file: string): Promise<readonly Buffer[]> {
  const bytes = readBytes(bench.root, file);
  const members: Buffer[] = [];
  async function* source() {
    yield bytes;
  }
  for await (const text of gunzipMembers(source(), () => members.push(Buffer.from('torn'))))
    members.push(gzipSync(text));
  return members;
}

/** Without one of its members; -1 is the last. */
async function takeMember(file: string, at: number): Promise<void> {
  const members = await membersOf(file);
  const gone = members.at(at);
  put(bench.root, file, Buffer.concat(members.filter((one) => one !== gone)));
}

const told = ({ exit_code, holes, captures }: VerifyReport) => [
  exit_code,
  holes.map(({ kind, file, missing, explained_by }) => [kind, file, missing, explained_by]),
  captures.flatMap(({ file, verdict }) => (verdict === 'clean' ? [] : [file])),
];
const CLEAN = [0, [], []];

describe('of a run that was stopped in order', () => {
  beforeEach(() => run('stop'));

  it('nothing is missing', async () => {
    expect(readdirSync(join(bench.root, FOLDER)).sort()).toEqual(FILES.map((file) => file.slice(-11)));
    expect((await membersOf(LAST)).length).toBe(3);
    expect(told(await verified(bench.root))).toEqual(CLEAN);
  });

  it.each([
    ['within its part', MIDDLE, 0, null, ['it does not begin with a header']],
    ['at the end of a part', MIDDLE, -1, LAST, []],
    ['in the middle of the last part', LAST, 1, LAST, []],
  ])('a member is missed %s', async (_, file, at, shownBy, faults) => {
    await takeMember(file, at);
    const report = await verified(bench.root);
    expect(report.exit_code).toBe(2);
    expect(report.captures.flatMap((one) => one.faults)).toEqual(faults);
    if (shownBy !== null) expect(told(report)).toEqual([2, [['capture', shownBy, 2, []]], [shownBy]]);
  });

  it('the last member is missed', async () => {
    await takeMember(LAST, -1);
    expect(told(await verified(bench.root))).toEqual([2, [['capture', LAST, null, []]], [LAST]]);
    // The gap of the time until the next start is no excuse: it was stopped in order.
    putGap(bench.root, {
      subject: OKX,
      kind: 'downtime',
      from: { local_ts: now() },
      to: { local_ts: now() + 9 },
    });
    const [exit, holes] = told(await verified(bench.root));
    expect([exit, holes]).toMatchObject([
      2,
      [
        ['capture', LAST, null, []],
        ['ledger', null, null, ['g1']],
      ],
    ]);
  });

  it.each([
    ['first', FIRST, MIDDLE, 5],
    ['middle', MIDDLE, LAST, 4],
  ])('the %s file is missed, removed or emptied', async (_, file, shownBy, missing) => {
    put(bench.root, file, '');
    expect(told(await verified(bench.root))).toEqual([
      2,
      [
        ['capture', file, null, []],
        ['capture', shownBy, missing, []],
      ],
      [file, shownBy],
    ]);
    rmSync(join(bench.root, file));
    expect(told(await verified(bench.root))).toEqual([2, [['capture', shownBy, missing, []]], [shownBy]]);
  });

  it('the last file is missed, removed or emptied', async () => {
    put(bench.root, LAST, '');
    expect((await verified(bench.root)).exit_code).toBe(2);
    rmSync(join(bench.root, LAST));
    expect(told(await verified(bench.root))).toEqual([2, [['capture', MIDDLE, null, []]], [MIDDLE]]);
  });

  it('what retention removed is not missed; what it did not is', async () => {
    rmSync(join(bench.root, FIRST));
    append(bench.root, 'raw/archive/removed.jsonl', { file: FIRST, ts: now(), reason: 'age' });
    expect(told(await verified(bench.root))).toEqual(CLEAN);
    rmSync(join(bench.root, MIDDLE));
    expect(told(await verified(bench.root))).toEqual([2, [['capture', LAST, 9, []]], [LAST]]);
  });

  it('a member that stands there twice is damage', async () => {
    const [head = Buffer.of(), second = Buffer.of(), last = Buffer.of()] = await membersOf(LAST);
    put(bench.root, LAST, Buffer.concat([head, second, second, last]));
    expect((await verified(bench.root)).captures.flatMap((one) => one.faults)).toEqual([
      'gzip members that stand there twice, or in another order: 1',
    ]);
  });
});

describe('of a run that was killed', () => {
  beforeEach(() => run('kill'));

  it('nothing is said until it is known that it does not go on', async () => {
    expect(told(await verified(bench.root))).toEqual(CLEAN);
    event('start');
    expect(told(await verified(bench.root))).toEqual(CLEAN);
  });

  it('the end is explained by the gap that the next start tells of, and by nothing else', async () => {
    const endTs = now() - 1;
    bench.clock.advance(60_000);
    event('start');
    const capture = bench.create();
    capture.note('start');
    capture.note('stop');
    await capture.close();
    event('stop');
    expect(told(await verified(bench.root))).toEqual([2, [['capture', LAST, null, []]], [LAST]]);
    // A feed that had not begun lacks nothing.
    putLive(bench.root, 'trades', trades(2, OKX, 1, bench.clock.wallUs()), OKX);
    expect(told(await verified(bench.root))).toEqual(CLEAN);
    putLive(bench.root, 'trades', trades(2, OKX, 1, endTs * 1e6 - 5_000_000), OKX);
    putGap(bench.root, {
      subject: OKX,
      kind: 'downtime',
      from: { local_ts: endTs - 4 },
      to: { local_ts: now() },
    });
    const report = await verified(bench.root);
    expect(report.exit_code).toBe(1);
    expect(report.holes.filter(({ kind }) => kind === 'capture')).toMatchObject([
      { file: LAST, explained_by: ['g1'] },
    ]);
  });
});

it('lines that the capture itself could not write are told by it, and are no missing part', async () => {
  const capture = bench.create({ waitingBytes: 400, flushBytes: 100_000 });
  capture.note('start');
  for (let at = 0; at < 20; at++) bench.recv(capture, 'x'.repeat(50));
  await bench.flush(() => capture.status().bytes > 0);
  bench.recv(capture, 'y');
  await bench.flush(() => capture.status().files > 1);
  capture.note('stop');
  await capture.close();
  expect(capture.status().dropped).toBeGreaterThan(5);
  expect(existsSync(join(bench.root, `${FOLDER}/00_002.jsonl.gz`))).toBe(true);
  event('stop');
  expect(told(await verified(bench.root))).toEqual(CLEAN);
});

it('captures of others, and those without these keys, are not held against them', async () => {
  await run('stop');
  const texts: string[] = [];
  for (const file of [MIDDLE, LAST]) {
    async function* source() {
      yield readBytes(bench.root, file);
    }
    let text = '';
    for await (const member of gunzipMembers(source(), () => undefined)) text += member.toString();
    texts.push(text.replace(/,"(?:line|part)":\d+/g, '').replace(/"run":[\d.]+,/, ''));
  }
  rmSync(join(bench.root, FIRST));
  put(bench.root, MIDDLE, gzipSync(texts[0] ?? ''));
  put(bench.root, LAST, gzipSync((texts[1] ?? '').split('\n').slice(0, 3).join('\n').concat('\n')));
  expect(told(await verified(bench.root))).toEqual(CLEAN);
});
