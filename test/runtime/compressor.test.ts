/** The pool with the compiled worker, and processes that are killed for real. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Compressor, createCompressor } from '../../src/runtime/compressor.ts';
import { type ArchiveBench, archiveBench, csv, DAY } from '../support/archive.ts';
import { until } from '../support/collector.ts';
import { PROJECT } from '../support/place.ts';

const COMPRESS = new URL('../../dist/workers/compress.js', import.meta.url);
const CHILD = join(PROJECT, 'dist/test/support/archive-child.js');
const WORKERS = new URL('../fixtures/workers/', import.meta.url);
const fixture = (name: string): URL => new URL(`${name}.mjs`, WORKERS);

let bench: ArchiveBench;
let pools: Compressor[];
beforeEach(async () => {
  bench = await archiveBench();
  pools = [];
});
afterEach(async () => {
  await Promise.all(pools.map((one) => one.close()));
  await bench.remove();
});

function pool(url: URL): Compressor {
  const made = createCompressor(url);
  pools.push(made);
  return made;
}

const never = new AbortController().signal;
const job = (name = 'a.csv') => {
  const from = join(bench.root, name);
  return { from, to: `${from}.gz`, known: null };
};

describe('the pool', () => {
  test('seals files through the compiled worker, one after the other', async () => {
    const archive = bench.create(undefined, { compress: pool(COMPRESS).run });
    for (const at of [0, 1, 2]) {
      await bench.live(csv(at, 5_000), `raw/trades-${at}.csv`);
      await archive.take(`raw/trades-${at}.csv`, DAY, 'rotation');
    }
    await archive.settled();
    const expected = [0, 1, 2].map((at) => [`trades-${at}.001.csv`, csv(at, 5_000)]);
    expect(bench.contents()).toEqual(Object.fromEntries(expected));
    expect(bench.manifest().map((entry) => entry.rows)).toEqual([5_000, 4_999, 4_998]);
    expect(archive.status()).toMatchObject({ sealed: 3, errors: 0 });
  });

  test('a failure of the job is a value with the code of the system', async () => {
    const result = await pool(COMPRESS).run(job('missing.csv'), never);
    expect(result).toMatchObject({ ok: false, error: { code: 'ENOENT', retry: 'later' } });
  });

  test.each([
    ['compress-exiting', 'exited with code: 3'],
    ['compress-throwing', 'no more'],
    ['compress-greedy', 'memory'],
    ['is-not-there', 'is-not-there.mjs'],
    ['unloadable', 'is-not-there.mjs'],
  ])('%s: fails its job, and the next has another thread', async (name, message) => {
    const broken = pool(fixture(name));
    for (let tries = 0; tries < 3; tries++) {
      const result = await broken.run(job(), never);
      expect(result).toMatchObject({ ok: false, error: { message: expect.stringContaining(message) } });
    }
  });

  test('a thread that dies when it has no job ends nothing', async () => {
    const late = pool(fixture('compress-late'));
    const { from } = job();
    expect((await late.run(job(), never)).ok).toBe(true);
    await until('its death', () => existsSync(from));
    const next = await late.run(job(), never);
    // Or it was handed to the dying one.
    if (!next.ok) expect(next.error.message).toBe('too late');
  });

  test('a thread that dies is an error of the archive, which tries again', async () => {
    await bench.live(csv(0, 5));
    let url = fixture('compress-exiting');
    const archive = bench.create(undefined, { compress: (work, signal) => pool(url).run(work, signal) });
    await archive.take('raw/trades-okx-BTC-USDT.csv', DAY, 'rotation');
    await archive.settled();
    expect(archive.status()).toMatchObject({ waiting: 1, errors: 1 });
    expect(Object.values(bench.contents())).toEqual([csv(0, 5)]);
    url = COMPRESS;
    bench.clock.advance(1_000);
    await archive.settled();
    expect(bench.names()).toEqual(['trades-okx-BTC-USDT.001.csv.gz']);
    expect(archive.status()).toMatchObject({ waiting: 0, sealed: 1, errors: 1 });
  });

  test('an abort ends the thread before it answers, and the pool serves on', async () => {
    const endless = pool(fixture('compress-endless'));
    const stop = new AbortController();
    const { from } = job();
    const running = endless.run(job(), stop.signal);
    await until('the job begins', () => existsSync(from));
    stop.abort();
    expect(await running).toMatchObject({ ok: false });
    expect(await endless.run(job(), stop.signal)).toMatchObject({ ok: false, error: { code: 'aborted' } });
    const again = new AbortController();
    await writeFile(from, '');
    const second = endless.run(job(), again.signal);
    await until('another begins', () => readFileSync(from, 'utf8') === 'begun');
    again.abort();
    expect((await second).ok).toBe(false);
  });

  test('an idle thread does not keep the program from ending', async () => {
    const child = start('idle', bench.root);
    await until('it is done', () => child.lines.includes('done'));
    const doneMs = performance.now();
    expect(await child.exit).toBe(0);
    // The thread itself would stay for 10 s.
    expect(performance.now() - doneMs).toBeLessThan(5_000);
    expect(gunzipSync(readFileSync(join(bench.root, 'a.csv.gz'))).toString()).toBe(csv(0, 10));
  });
});

test('a process that is killed at any moment leaves all rows, once, for the next start', async () => {
  const whole = await timed();
  const waiting: number[] = [];
  for (let part = 0; part <= 8; part++) {
    const place = await archiveBench();
    const child = start('run', place.root);
    await until('it begins', () => child.lines.includes('begin'));
    await new Promise((resolve) => setTimeout(resolve, (whole * part) / 8));
    child.process.kill('SIGKILL');
    await child.exit;

    const archive = place.create();
    const found = await archive.recover();
    expect(found.ok).toBe(true);
    waiting.push(found.ok ? found.value.found : -1);
    for (let at = 0; at < 4; at++) {
      const live = `raw/trades-${at}.csv`;
      if (existsSync(join(place.root, live))) await archive.take(live, DAY, 'recovery');
    }
    await archive.settled();
    const expected = Array.from({ length: 4 }, (_, at) => [`trades-${at}.001.csv`, csv(at, 20_000 + at)]);
    expect(place.contents()).toEqual(Object.fromEntries(expected));
    expect(place.names()).toEqual(expected.map(([name]) => `${name}.gz`));
    expect(
      place
        .manifest()
        .map(({ file, rows }) => [file, rows])
        .sort(),
    ).toEqual(expected.map(([name]) => [`raw/archive/${DAY}/${name}.gz`, 20_000]));
    await place.remove();
  }
  // Some were killed at work.
  expect(waiting.some((found) => found > 0)).toBe(true);
}, 120_000);

/** How long a run takes that is not killed, ms. */
async function timed(): Promise<number> {
  const place = await archiveBench();
  const child = start('run', place.root);
  await until('it begins', () => child.lines.includes('begin'));
  const begun = performance.now();
  await until('it ends', () => child.lines.includes('sealed'), 60_000);
  const took = performance.now() - begun;
  expect(await child.exit).toBe(0);
  await place.remove();
  return took;
}

interface Child {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly exit: Promise<number | null>;
}

function start(what: string, folder: string): Child {
  const child = spawn(process.execPath, [CHILD, what, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => lines.push(...chunk.toString('utf8').split('\n')));
  return { process: child, lines, exit: new Promise((resolve) => child.once('exit', resolve)) };
}
