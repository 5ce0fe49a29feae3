/** The looks and the files of a telemetry whose parts are invented, on a clock that only the test moves. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/core/ports.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import type { StatusObject } from '../../src/runtime/status.ts';
import { startTelemetry, type Telemetry } from '../../src/runtime/telemetry.ts';
import type { WorkerTally } from '../../src/runtime/worker-tally.ts';
import { CLOCK_START_US, type ManualClock, manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { ARCHIVE, batchOf, CLOCK, DISK, FEED, inputOf, tallyOf, threadOf, VENUE } from '../support/status.ts';

const GUARD = { name: 'safe_writer', errors: 0, lastError: null, reportErrors: 0 };
const PUBLISHED = { 'feature_engine.ingest': 0, 'sig_builder.ingest': 0, 'signal-writer.ingest': 0 };

let root: string;
let clock: ManualClock;
/** The main thread was kept from running for so long, ms. */
let heldMs: number;
let facts: Fact[];
let tally: WorkerTally;
let telemetry: Telemetry;
let failingFiles: ReadonlyMap<string, string>;
let settingsError: string | null;

beforeEach(async () => {
  root = await tempFolder();
  clock = manualClock();
  heldMs = 0;
  facts = [];
  failingFiles = new Map();
  settingsError = null;
  const own: Clock = { ...clock, monoMs: () => clock.monoMs() + heldMs };
  tally = tallyOf(own);
  const workers = [{ thread: threadOf('running', FEED), tally }];
  telemetry = startTelemetry({
    dataDir: root,
    clock: own,
    redact: (text) => text,
    version: '0',
    kind: 'sim',
    settings: () => ({
      health: { max_rss_mb: 100_000, webhook: null },
      http: { enabled: false, host: '127.0.0.1', port: 0 },
    }),
    settingsError: () => settingsError,
    mode: () => 'PROD',
    workers: () => workers,
    governors: () => [],
    writer: () => inputOf([]).writer,
    failingFiles: () => failingFiles,
    latest: () => ({ errors: 0 }),
    stages: () => ({
      bus: { published: PUBLISHED, late: 0, subscribers: [GUARD] },
      stages: [],
      append: { ...GUARD, name: 'safe_writer.append', reportErrors: 3 },
      errors: 0,
    }),
    ledger: () => ({ count: 0, last: null }),
    log: () => ({ count: 0, last: null }),
    rejects: () => 0,
    quarantined: () => 0,
    preflightFailures: () => new Map(),
    venues: () => ({ okx: VENUE }),
    disk: () => ({ ...DISK, disk_free_bytes: 5e9 }),
    archive: () => ARCHIVE,
    clockStatus: () => CLOCK,
    makeRoom: async () => false,
    note: (fact) => facts.push(fact),
    say: () => undefined,
    onError: (scope, failure) => facts.push({ type: 'error', scope, ...failure }),
  });
  telemetry.phase('collecting');
});
afterEach(async () => {
  await telemetry.stop();
  await removeFolder(root);
});

function speakFor(seconds: number): void {
  for (let at = 0; at < seconds; at++) {
    tally.batch(batchOf(1, CLOCK_START_US, clock.wallUs()));
    clock.advance(1_000);
  }
}

const levels = () => facts.map(({ type, scope, from, to }) => [type, scope, from, to]);

async function status(): Promise<StatusObject> {
  await telemetry.stop();
  return JSON.parse(await readFile(join(root, 'collector/status.json'), 'utf8')) as StatusObject;
}

test('the status tells of each part, and that its failures could not be told', async () => {
  const { stages } = await status();
  expect(stages.parts).toEqual([
    { name: 'safe_writer', errors: 0, report_errors: 0, last_error: null, counts: {} },
    { name: 'safe_writer.append', errors: 0, report_errors: 3, last_error: null, counts: {} },
  ]);
});

describe('a look', () => {
  test('notes each change of level, once, and since when it is', async () => {
    speakFor(30);
    expect(facts).toEqual([]);
    clock.advance(21_000);
    const silent = ['health', 'OK', 'CRIT'];
    expect(levels()).toEqual(
      ['okx.orderbook', 'okx', 'collector'].map((scope) => [silent[0], scope, ...silent.slice(1)]),
    );
    clock.advance(4_000);
    expect(facts).toHaveLength(3);
    expect(await status()).toMatchObject({
      level: 'CRIT',
      // The newest event came at 29 s.
      level_since_ts: CLOCK_START_US / 1e6 + 50,
      reasons: ['okx.orderbook: no data for 26 s'],
    });
  });

  test('a wall clock that is set forward or back changes no level', () => {
    speakFor(30);
    for (const stepSec of [7_200, -10_800]) {
      clock.stepWall(clock.wallUs() + stepSec * 1e6);
      speakFor(15);
    }
    expect(facts).toEqual([]);
  });

  test('after the thread was held it does not judge before it has heard', () => {
    speakFor(30);
    heldMs += 60_000;
    clock.advance(1_000);
    expect(facts).toEqual([]);
    speakFor(1);
    // That it was held is told; that data was missing meanwhile is not so.
    expect(facts.map(({ scope, to, reason }) => [scope, to, reason])).toEqual([
      ['collector', 'WARN', expect.stringMatching(/^main thread held for \d+ ms$/)],
    ]);
  });

  test('but only once in a row: a thread that is held again and again is judged', () => {
    speakFor(30);
    for (let at = 0; at < 2; at++) {
      heldMs += 60_000;
      clock.advance(1_000);
    }
    expect(levels()).toContainEqual(['health', 'okx.orderbook', 'OK', 'CRIT']);
  });
});

test('a level that rose falls ten seconds after its end', () => {
  speakFor(30);
  failingFiles = new Map([['raw/orderbook-okx-X.csv', 'EIO']]);
  speakFor(1);
  failingFiles = new Map();
  speakFor(9);
  expect(facts.map(({ to }) => to)).toEqual(['CRIT', 'CRIT', 'CRIT']);
  speakFor(1);
  expect(facts.slice(3).map(({ from, to }) => [from, to])).toEqual(Array(3).fill(['CRIT', 'OK']));
});

test('a settings file that is wrong is a warning until it is right', async () => {
  speakFor(30);
  settingsError = 'settings not taken over: a';
  speakFor(1);
  settingsError = null;
  speakFor(11);
  expect(facts.map(({ scope, from, to, reason }) => [scope, from, to, reason])).toEqual([
    ['collector', 'OK', 'WARN', 'settings not taken over: a'],
    ['collector', 'WARN', 'OK', ''],
  ]);
});

test('it is written soon when somebody asks for it', async () => {
  speakFor(2);
  const tsOf = async (): Promise<number> =>
    (JSON.parse(await readFile(join(root, 'collector/status.json'), 'utf8')) as StatusObject).ts;
  const first = await vi.waitFor(tsOf);
  telemetry.soon();
  speakFor(1);
  await vi.waitFor(async () => expect(await tsOf()).toBe(first + 3));
});
