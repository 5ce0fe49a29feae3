/** A process of its own for the archive's tests: `memory FOLDER`, `run FOLDER`, `idle FOLDER`. */

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createArchive } from '../../src/io/archive.ts';
import { systemClock } from '../../src/io/clock.ts';
import { gzipFile } from '../../src/io/gzip-file.ts';
import { createCompressor } from '../../src/runtime/compressor.ts';
import { csv, csvRows, DAY } from './archive.ts';

const [what = '', folder = ''] = process.argv.slice(2);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const url = new URL('../../workers/compress.js', import.meta.url);

async function gzip(name: string): Promise<void> {
  const from = join(folder, name);
  const result = await gzipFile({ from, to: `${from}.gz`, known: null });
  if (!result.ok) throw new Error(result.error.message);
}

/** By how much the largest memory grows from a file of 6 MB to one of ten times its size. */
async function memory(): Promise<void> {
  const rows = csvRows(0, 100_000);
  for (const [name, times] of [['small.csv', 1] as const, ['large.csv', 10] as const]) {
    const fd = openSync(join(folder, name), 'w');
    writeSync(fd, csv(0, 1));
    for (let at = 0; at < times; at++) writeSync(fd, rows);
    closeSync(fd);
  }
  await gzip('small.csv');
  const before = process.resourceUsage().maxRSS;
  await gzip('large.csv');
  const grownMb = (process.resourceUsage().maxRSS - before) / 1024;
  say(JSON.stringify({ grownMb, fileMb: (rows.length * 10) / 1_000_000 }));
}

/** Takes over four files of a MB and seals them, until it is done or killed. */
async function run(): Promise<void> {
  mkdirSync(join(folder, 'raw'), { recursive: true });
  const compressor = createCompressor(url);
  const archive = createArchive({
    dataDir: folder,
    clock: systemClock(),
    report: (report) => void say(JSON.stringify(report)),
    compress: compressor.run,
  });
  for (let at = 0; at < 4; at++) writeFileSync(join(folder, `raw/trades-${at}.csv`), csv(at, 20_000 + at));
  say('begin');
  for (let at = 0; at < 4; at++) await archive.take(`raw/trades-${at}.csv`, DAY, 'rotation');
  await archive.settled();
  say('sealed');
}

/** Seals a file, and has nothing more to do. */
async function idle(): Promise<void> {
  writeFileSync(join(folder, 'a.csv'), csv(0, 10));
  const from = join(folder, 'a.csv');
  const compressor = createCompressor(url);
  const result = await compressor.run({ from, to: `${from}.gz`, known: null }, new AbortController().signal);
  say(result.ok ? 'done' : result.error.message);
}

const jobs: Readonly<Record<string, () => Promise<void>>> = { memory, run, idle };
await jobs[what]?.();
