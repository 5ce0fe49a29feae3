/** Other programs read the small files all the time: they meet the old content or the new one, whole. */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import { startLives, untilIn } from '../support/lives.ts';
import { PROJECT } from '../support/place.ts';
import type { Met } from '../support/reader.ts';

/** A thousand a second, or fewer where the machine has other work: the status is written twice meanwhile. */
const ROUNDS = 6_000;

test('a reader that looks at each of them about a thousand times a second meets nothing torn', async ({
  onTestFinished,
}: TestContext) => {
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-readers-'));
  const own = await startLives({ root });
  onTestFinished(async () => {
    await own.close();
    rmSync(root, { recursive: true });
  });
  const run = own.begin();
  await untilIn(run, 'every file grows', own.isFlowing);
  const books = ['binance', 'bitflyer', 'bybit', 'okx'].map((venue) => `latest/book-${venue}.json`);
  await untilIn(run, 'every book is told', () => books.every((file) => existsSync(join(own.data, file))));

  const reader = join(PROJECT, 'dist/test/support/reader.js');
  const { stdout } = await promisify(execFile)(process.execPath, [reader, own.data, String(ROUNDS)]);
  const met = JSON.parse(stdout) as Met;
  expect(met.problems).toEqual([]);
  for (const file of ['collector/status.json', 'collector/rate_stats.json', 'latest/features.csv', ...books])
    expect([file, (met.changes[file] ?? 0) > 1]).toEqual([file, true]);
  expect(Object.keys(met.changes)).toEqual(expect.arrayContaining(['raw/instruments.json']));
  await own.end(run);
  expect(run.errors).toEqual([]);
}, 60_000);
