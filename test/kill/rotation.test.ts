/** Killed while large files are closed, compressed and listed. */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, type TestContext, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { until } from '../support/collector.ts';
import { type Lives, missing, startLives, type Target, untilIn } from '../support/lives.ts';
import { grownLines } from '../support/recorded.ts';
import { ONE_FILE_THREAD, strace, whyNoStrace } from '../support/strace.ts';

const settings = { archive: { max_file_mb: 1 } };
const symbols = { binance: ['BTC/USDT', 'BTC/USDT:USDT'] };
/** A few rows below the size at which a file is closed. */
const ALMOST = 1024 * 1024 - 500;

describe.concurrent('a large file is closed, compressed, read back, listed and removed', () => {
  async function live({ onTestFinished }: TestContext): Promise<Lives> {
    const root = mkdtempSync(join(tmpdir(), 'tapedeck-rotation-'));
    const own = await startLives({ root, symbols, feeds: ['trades', 'orderbook'], settings });
    onTestFinished(async () => {
      await own.close();
      rmSync(root, { recursive: true });
    });
    await own.end(own.begin());
    return own;
  }

  test('killed at random moments of it: no row is lost or twice, every archive is listed', async (context) => {
    const own = await live(context);
    const random = seededRandom(11);
    for (let kill = 0; kill < 6; kill++) {
      for (const target of own.targets) own.ballast(target, ALMOST);
      const run = own.begin();
      await untilIn(run, 'it records', own.hasRows);
      await sleep(random() * 1_200);
      await own.kill(run);
    }
    await finish(own);
  }, 180_000);

  const refused = whyNoStrace();
  const byStep = refused === null ? 'killed at each step of it' : `killed at each step (skipped: ${refused})`;
  /** The calls for one file, in order. */
  const STEPS = [
    ['rename', 'the live file', 1],
    ['fsync', 'its day', 1],
    ['openat', 'the closed file', 1],
    ['pwrite64', 'half an archive', 1],
    ['fsync', 'half an archive', 1],
    ['rename', 'half an archive', 1],
    ['fsync', 'its day', 2],
    ['pwrite64', 'the manifest', 1],
    ['fsync', 'the manifest', 1],
    ['unlink', 'the closed file', 1],
    ['fsync', 'its day', 3],
  ] as const;

  test.skipIf(refused !== null)(
    byStep,
    async (context) => {
      const own = await live(context);
      for (const [at, [call, what, nth]] of STEPS.entries()) {
        const target = own.targets[at % own.targets.length] as Target;
        if (!own.ballast(target, ALMOST)) {
          await own.end(own.begin());
          own.ballast(target, ALMOST);
        }
        const path = pathsOf(own, target)[what];
        const wrap = strace({ call, when: String(nth), what: 'signal=KILL', path });
        const run = own.begin({ wrap, env: ONE_FILE_THREAD });
        const { process } = run;
        const hasEnded = (): boolean => process.signalCode !== null || process.exitCode !== null;
        await until(`${call} of ${what} ends it`, hasEnded, 60_000).catch((thrown: Error) => {
          const there = JSON.stringify({ path, parts: parts(own), status: own.status() });
          throw new Error(`${thrown.message}: ${there}`);
        });
        const { signalCode, exitCode } = process;
        expect([call, what, signalCode, exitCode, run.errors]).toEqual([call, what, 'SIGKILL', null, []]);
        own.look();
      }
      await finish(own);
    },
    400_000,
  );
});

/** Where the next closed part of a file will be, and what else is touched for it. */
function pathsOf(own: Lives, { file }: Target) {
  const raw = join(own.data, 'raw');
  const day = new Date().toISOString().slice(0, 10);
  const stem = file.slice(0, -'.csv'.length);
  const numbers = parts(own).flatMap((path) => {
    const [folder, name = ''] = path.split(sep);
    return folder === day && name.startsWith(`${stem}.`)
      ? Number(name.slice(stem.length + 1).slice(0, 3))
      : [];
  });
  const closed = join(
    raw,
    'archive',
    day,
    `${stem}.${String(Math.max(0, ...numbers) + 1).padStart(3, '0')}.csv`,
  );
  return {
    'the live file': join(raw, file),
    'its day': join(raw, 'archive', day),
    'the closed file': closed,
    'half an archive': join(dirname(closed), `.${basename(closed)}.gz.{pid}.tmp`),
    'the manifest': join(raw, 'archive/manifest.jsonl'),
  };
}

/** Closed files, plain and compressed, below `raw/archive/`. */
function parts({ data }: Lives): readonly string[] {
  const archive = join(data, 'raw/archive');
  if (!existsSync(archive)) return [];
  return readdirSync(archive, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.csv(\.gz)?$/.test(path),
  );
}

/** A last life; then every part is compressed and listed as it is, and the journal is held against all of them. */
async function finish(own: Lives): Promise<void> {
  const run = own.begin();
  await untilIn(run, 'every file grows', own.isFlowing);
  await untilIn(run, 'nothing waits for its archive', () => parts(own).every((path) => path.endsWith('.gz')));
  await own.end(run);
  const listed = new Map(
    grownLines(join(own.data, 'raw/archive/manifest.jsonl'))
      .text.split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .map((entry) => [entry.file, entry]),
  );
  const found = parts(own);
  expect(found.length).toBeGreaterThan(4);
  expect([...listed.keys()].sort()).toEqual(found.map((path) => `raw/archive/${path}`).sort());
  for (const path of found) {
    const bytes = readFileSync(join(own.data, 'raw/archive', path));
    const csv = gunzipSync(bytes);
    expect(listed.get(`raw/archive/${path}`)).toMatchObject({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      csv_bytes: csv.length,
      rows: csv.toString('utf8').split('\n').length - 2,
    });
  }
  expect(missing(await own.held())).toEqual([]);
}
