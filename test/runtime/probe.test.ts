/** The status files go on when no worker runs: health and rates are told all the while. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createGovernor } from '../../src/runtime/governor.ts';
import { createLedger } from '../../src/runtime/ledger.ts';
import type { Pipeline } from '../../src/runtime/pipeline.ts';
import type { RateStats } from '../../src/runtime/rate-stats.ts';
import { startTelemetry } from '../../src/runtime/telemetry.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';
import { until } from '../support/collector.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { endNow, limited, STRETCH } from '../support/governor.ts';
import { ARCHIVE, CLOCK, DISK, VENUE } from '../support/status.ts';

let folder: string;
beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(() => removeFolder(folder));

const read = (file: string): string | null => {
  const path = join(folder, 'collector', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
};

test('rate_stats.json every 5 s, events.jsonl at each change, without any worker', async () => {
  const clock = manualClock();
  const governor = createGovernor({
    venue: 'okx',
    maxInfoRpm: 300,
    share: 0.9,
    windows: [],
    stretch: STRETCH,
    clock,
  });
  const ledger = createLedger(folder, clock, () => undefined);
  const stages: ReturnType<Pipeline['status']> = {
    bus: {
      published: { 'feature_engine.ingest': 0, 'sig_builder.ingest': 0, 'signal-writer.ingest': 0 },
      late: 0,
      subscribers: [],
    },
    stages: [],
    append: { name: 'safe_writer.append', errors: 0, lastError: null, reportErrors: 0 },
    errors: 0,
  };
  const writer = {
    rows: 0,
    bytes: 0,
    fsync_lag_ms: 0,
    queue_bytes: 0,
    quarantined: 0,
    rows_lost: 0,
    open_files: 0,
    errors: 0,
    failing_files: 0,
    last_error: null,
  };
  const none = { count: 0, last: null };
  const failing = new Map<string, string>();
  const telemetry = startTelemetry({
    dataDir: folder,
    clock,
    redact: (text) => text,
    version: '0',
    kind: 'sim',
    settings: () => ({
      health: { max_rss_mb: 1_500, webhook: null },
      http: { enabled: false, host: '127.0.0.1', port: 0 },
    }),
    settingsError: () => null,
    mode: () => 'PROD',
    say: () => undefined,
    workers: () => [],
    governors: () => [governor],
    writer: () => writer,
    latest: () => ({ errors: 0 }),
    stages: () => stages,
    ledger: () => none,
    log: () => none,
    rejects: () => 0,
    preflightFailures: () => failing,
    venues: () => ({ okx: { ...VENUE, rest_ok: null } }),
    failingFiles: () => new Map(),
    quarantined: () => 0,
    disk: () => DISK,
    archive: () => ARCHIVE,
    clockStatus: () => CLOCK,
    makeRoom: async () => false,
    note: ledger.note,
    onError: (scope, { message }) => {
      throw new Error(`${scope}: ${message}`);
    },
  });
  telemetry.phase('starting');
  const at = (sec: number) => CLOCK_START_US / 1e6 + sec;
  for (const sec of [0, 5, 10, 15]) {
    await until(`the file of ${sec} s`, () => read('rate_stats.json')?.includes(`"ts":${at(sec)},`) === true);
    clock.advance(5_000);
  }
  await until('the file of 20 s', () => read('rate_stats.json')?.includes(`"ts":${at(20)},`) === true);

  failing.set('okx', 'preflight ENOTFOUND');
  endNow(governor, clock.monoMs(), limited(60_000, { outcome: 418, ban: true }));
  clock.advance(5_000);
  await until('the change is told', () => read('events.jsonl')?.includes('"throttle"') === true);
  const lines = (read('events.jsonl') ?? '').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { type: 'health', scope: 'okx', from: 'OK', to: 'CRIT', reason: expect.stringContaining('ENOTFOUND') },
    {
      type: 'health',
      scope: 'collector',
      from: 'OK',
      to: 'CRIT',
      reason: expect.stringContaining('ENOTFOUND'),
    },
    { type: 'throttle', scope: 'okx', on: true, state: 'banned' },
  ]);
  await until('the ban is in the file', () => read('rate_stats.json')?.includes('"banned"') === true);
  const { stats } = JSON.parse(read('rate_stats.json') ?? '') as RateStats;
  expect(stats.okx).toMatchObject({ throttle: true, outcomes_60s: { 418: 1 }, err_60s: 1 });
  await telemetry.stop();
  await ledger.settled();
});
