import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileOps, nodeFileOps } from '../../src/io/file-ops.ts';
import { applyRetention, type RetentionOutcome } from '../../src/io/retention.ts';
import { CLOCK_START_US } from '../support/clock.ts';
import { opsWith, removeFolder, systemError, tempFolder } from '../support/files.ts';

/** Now is 2026-11-21T00:00:00Z. */
let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

const archive = (day: string, name = 'a.001.csv.gz'): string => `raw/archive/${day}/${name}`;
const capture = (day: string, hour = '00'): string => `capture/okx/trades/${day}/${hour}.jsonl.gz`;

async function put(file: string, bytes = 10): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), 'x'.repeat(bytes));
}

/** Sealed: the file, and its line in the manifest. */
async function seal(...files: readonly string[]): Promise<void> {
  for (const file of files) {
    await put(file);
    const hash = 'a'.repeat(64);
    const entry = { file, rows: 1, bytes: 10, sha256: hash, csv_bytes: 9, csv_sha256: hash };
    const times = { first_ts: 1, last_ts: 2, sealed_ts: 3, sealed_by: 'rotation' };
    await writeFile(join(root, 'raw/archive/manifest.jsonl'), `${JSON.stringify({ ...entry, ...times })}\n`, {
      flag: 'a',
    });
  }
}

interface Want {
  readonly maxAgeDays?: number;
  readonly minFreeBytes?: number;
  readonly freeBytes?: () => Promise<number>;
  readonly ops?: FileOps;
}

function retain(want: Want): Promise<RetentionOutcome> {
  return applyRetention({
    dataDir: root,
    nowUs: CLOCK_START_US,
    maxAgeDays: null,
    minFreeBytes: null,
    freeBytes: () => Promise.reject(new Error('nobody asked')),
    report: () => undefined,
    ops: nodeFileOps,
    ...want,
  });
}

const has = (file: string): boolean => existsSync(join(root, file));
const ledger = (): readonly { file: string; ts: number; reason: string }[] =>
  has('raw/archive/removed.jsonl')
    ? readFileSync(join(root, 'raw/archive/removed.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];

describe('by age', () => {
  it('days longer ago than the age go, whole, with their folders; the rest stays', async () => {
    await seal(archive('2026-11-13'), archive('2026-11-14'), archive('2026-11-20'));
    await put(capture('2026-11-13'));
    await put(capture('2026-11-13', '01'));
    await put(capture('2026-11-14'));
    await put(capture('2026-11-21'));
    const { removed, failures } = await retain({ maxAgeDays: 7 });
    const expected = [capture('2026-11-13'), capture('2026-11-13', '01'), archive('2026-11-13')].map(
      (file) => ({ file, ts: 1_795_219_200, reason: 'age' }),
    );
    expect(removed).toEqual(expected);
    expect(failures).toEqual([]);
    expect(ledger()).toEqual(expected);
    expect(has('raw/archive/2026-11-13')).toBe(false);
    expect(has('capture/okx/trades/2026-11-13')).toBe(false);
    for (const file of [archive('2026-11-14'), archive('2026-11-20'), capture('2026-11-14')]) {
      expect(has(file), file).toBe(true);
    }
    expect(await retain({ maxAgeDays: 7 })).toEqual({ removed: [], failures: [] });
  });

  it('a clock that is years past all that was recorded is doubted', async () => {
    await seal(archive('2024-01-01'), archive('2024-01-05'), archive('2024-01-06'));
    const { removed } = await retain({ maxAgeDays: 3 });
    expect(removed.map(({ file }) => file)).toEqual([archive('2024-01-01')]);
  });

  it('never what is not proved: no line in the manifest, or the plain file still there', async () => {
    await seal(archive('2026-11-01'), archive('2026-11-01', 'b.001.csv.gz'));
    await put(archive('2026-11-01', 'a.001.csv'));
    await put(archive('2026-11-01', 'c.001.csv.gz'));
    await put(archive('2026-11-01', 'd.001.csv'));
    await put(archive('2026-11-01', 'd.001.csv.torn-20261101T000000.000000Z'));
    await put('raw/a.csv');
    const { removed } = await retain({ maxAgeDays: 1 });
    expect(removed.map(({ file }) => file)).toEqual([archive('2026-11-01', 'b.001.csv.gz')]);
    expect(has('raw/a.csv')).toBe(true);
    expect(has(archive('2026-11-01', 'c.001.csv.gz'))).toBe(true);
  });

  it('off by default: nothing is even looked at', async () => {
    await seal(archive('2000-01-01'));
    const ops = opsWith({ list: () => Promise.reject(systemError('EIO')) });
    expect(await retain({ ops })).toEqual({ removed: [], failures: [] });
    expect(has(archive('2000-01-01'))).toBe(true);
  });

  it('other names and files among the folders are left alone', async () => {
    await put('capture/notes.txt');
    await put('capture/okx/notes.txt');
    await put('capture/okx/trades/old/x.jsonl.gz');
    await put('raw/archive/old/a.001.csv.gz');
    expect(await retain({ maxAgeDays: 1 })).toEqual({ removed: [], failures: [] });
    expect(has('capture/okx/trades/old/x.jsonl.gz')).toBe(true);
  });
});

describe('by free disk', () => {
  it('the oldest days go first, until there is room', async () => {
    await seal(archive('2026-11-19'), archive('2026-11-18'), archive('2026-11-21'));
    await put(capture('2026-11-18'));
    const left = () => 100 - 10 * [...files].filter(has).length;
    const files = [archive('2026-11-18'), capture('2026-11-18'), archive('2026-11-19')];
    const { removed } = await retain({ minFreeBytes: 90, freeBytes: async () => left() });
    expect(removed.map(({ file, reason }) => [file, reason])).toEqual([
      [capture('2026-11-18'), 'disk'],
      [archive('2026-11-18'), 'disk'],
    ]);
    expect(has(archive('2026-11-19'))).toBe(true);
  });

  it('all that may go, when nothing helps; never captures of today', async () => {
    await seal(archive('2026-11-19'), archive('2026-11-21'));
    await put(capture('2026-11-20'));
    await put(capture('2026-11-21'));
    await put(archive('2026-11-19', 'b.001.csv'));
    const { removed } = await retain({ minFreeBytes: 1_000, freeBytes: async () => 0 });
    expect(removed.map(({ file }) => file)).toEqual([
      archive('2026-11-19'),
      capture('2026-11-20'),
      archive('2026-11-21'),
    ]);
    expect(has('raw/archive/2026-11-21')).toBe(true);
    expect(has(capture('2026-11-21'))).toBe(true);
  });

  it('a file system that gives room back late does not lose one file more', async () => {
    await seal(archive('2026-11-18'), archive('2026-11-19'), archive('2026-11-20'));
    const { removed } = await retain({ minFreeBytes: 115, freeBytes: async () => 100 });
    expect(removed).toHaveLength(2);
  });

  it('with room nothing goes; age and disk together: what is too old goes all the same', async () => {
    await seal(archive('2026-11-01'), archive('2026-11-20'));
    const freeBytes = async () => 100;
    expect((await retain({ minFreeBytes: 100, freeBytes })).removed).toEqual([]);
    const { removed } = await retain({ minFreeBytes: 100, freeBytes, maxAgeDays: 7 });
    expect(removed.map(({ file, reason }) => [file, reason])).toEqual([[archive('2026-11-01'), 'age']]);
  });
});

describe('one call', () => {
  it('is bounded; the next goes on', async () => {
    for (let at = 0; at < 620; at++) await put(capture('2026-11-01', String(at)), 0);
    expect((await retain({ maxAgeDays: 1 })).removed).toHaveLength(500);
    expect((await retain({ maxAgeDays: 1 })).removed).toHaveLength(120);
    expect(has('capture/okx/trades/2026-11-01')).toBe(false);
  });

  it('removes nothing that it could not write down, and says so once', async () => {
    await seal(archive('2026-11-01'), archive('2026-11-02'));
    const ops = opsWith({ write: () => Promise.reject(systemError('ENOSPC')) });
    const { removed, failures } = await retain({ maxAgeDays: 1, ops });
    expect(removed).toEqual([]);
    expect(failures).toMatchObject([{ code: 'ENOSPC' }]);
    expect(has(archive('2026-11-01'))).toBe(true);
  });

  it('goes on with the others where one cannot be removed, which is told', async () => {
    await seal(archive('2026-11-01'), archive('2026-11-01', 'b.001.csv.gz'));
    const ops = opsWith({
      unlink: (path) =>
        path.endsWith('a.001.csv.gz') ? Promise.reject(systemError('EBUSY')) : nodeFileOps.unlink(path),
    });
    const { removed, failures } = await retain({ maxAgeDays: 1, ops });
    expect(removed.map(({ file }) => file)).toEqual([archive('2026-11-01', 'b.001.csv.gz')]);
    expect(failures).toMatchObject([{ code: 'EBUSY', message: expect.stringContaining('a.001.csv.gz') }]);
    expect(ledger().map(({ file }) => file)).toHaveLength(2);
  });

  it('writes the line before it removes', async () => {
    await seal(archive('2026-11-01'));
    let lines = 0;
    const ops = opsWith({
      unlink: (path) => {
        lines = ledger().length;
        return nodeFileOps.unlink(path);
      },
    });
    await retain({ maxAgeDays: 1, ops });
    expect(lines).toBe(1);
  });

  it('tells that the disk could not be asked; what is too old goes all the same', async () => {
    await seal(archive('2026-11-01'), archive('2026-11-20'));
    const freeBytes = () => Promise.reject(systemError('EIO'));
    expect(await retain({ minFreeBytes: 1, freeBytes, maxAgeDays: 7 })).toMatchObject({
      removed: [{ file: archive('2026-11-01') }],
      failures: [{ code: 'EIO' }],
    });
    expect(has(archive('2026-11-20'))).toBe(true);
  });
});
