import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileReport } from '../../src/io/file-ops.ts';
import { createLedger, type Ledger } from '../../src/runtime/ledger.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
let file: string;
let reports: FileReport[];
const clock = manualClock();

beforeEach(async () => {
  root = await tempFolder();
  file = join(root, 'collector', 'events.jsonl');
  reports = [];
});
afterEach(() => removeFolder(root));

const open = (): Ledger => createLedger(root, clock, (report) => reports.push(report));

describe('ledger', () => {
  test('a line for each fact, in order: time in seconds, type, scope, then what it tells', async () => {
    const ledger = open();
    clock.stepWall(1_795_219_200_123_456);
    for (let at = 0; at < 50; at++)
      ledger.note({ type: 'resync', scope: 'okx.orderbook', symbol: `S${at}`, at });
    await ledger.settled();
    const lines = (await readFile(file, 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines[0]).toBe(
      '{"ts":1795219200.123456,"type":"resync","scope":"okx.orderbook","symbol":"S0","at":0}',
    );
    expect(lines.map((line) => (JSON.parse(line) as { at: number }).at)).toEqual([...Array(50).keys()]);
    expect(ledger.errors()).toEqual({ count: 0, last: null });
  });

  test('a text of the venue with line ends stays one line', async () => {
    const ledger = open();
    ledger.note({ type: 'refused', scope: 'okx.trades', text: 'a\nb\u2028c' });
    await ledger.settled();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(['a\nb\u2028c']);
  });

  test('what cannot be written waits, in order, and is written when it can be', async () => {
    await mkdir(file, { recursive: true });
    const ledger = open();
    ledger.note({ type: 'start', scope: 'collector' });
    await ledger.settled();
    expect(ledger.errors()).toMatchObject({ count: 1, last: { code: 'EISDIR' } });
    ledger.note({ type: 'gap', scope: 'collector' });
    await rm(file, { recursive: true });
    clock.advance(5_000);
    await ledger.settled();
    ledger.note({ type: 'stop', scope: 'collector' });
    await ledger.settled();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'start',
      'gap',
      'stop',
    ]);
    expect(ledger.errors().count).toBe(1);
  });

  test('too many that wait are bounded: the oldest go, and their number is told', async () => {
    await mkdir(file, { recursive: true });
    const ledger = open();
    for (let at = 0; at < 2_500; at++) ledger.note({ type: 'gap', scope: 'collector', at });
    await ledger.settled();
    await rm(file, { recursive: true });
    await ledger.settled();
    const lines = (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ type: 'lost', lines: 1_500 });
    expect(lines.slice(1).map((line) => line.at)).toEqual([...Array(1_000).keys()].map((at) => 1_500 + at));
  });

  test('goes on after a torn line of a killed process, and says so', async () => {
    await mkdir(join(root, 'collector'));
    await writeFile(file, '{"ts":1,"type":"start","scope":"collector"}\n{"ts":2,"ty');
    const ledger = open();
    ledger.note({ type: 'start', scope: 'collector' });
    await ledger.settled();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(['start', 'start']);
    expect(reports).toMatchObject([{ type: 'repair', reason: 'torn_tail' }]);
  });
});
