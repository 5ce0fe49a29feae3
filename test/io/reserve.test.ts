import { readFileSync } from 'node:fs';
import { readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileOps, type FileReport, nodeFileOps } from '../../src/io/file-ops.ts';
import { createReserve, type Reserve } from '../../src/io/reserve.ts';
import { removeFolder, systemError, tempFolder, withBudget } from '../support/files.ts';

const BYTES = 20_000;
const LARGE = 2_500_000;
let folder: string;
let path: string;
let reports: FileReport[];
beforeEach(async () => {
  folder = await tempFolder();
  path = join(folder, 'reserve.bin');
  reports = [];
});
afterEach(() => removeFolder(folder));

const open = (ops: FileOps = nodeFileOps, bytes = BYTES): Reserve =>
  createReserve({ path, bytes, ops, report: (report) => reports.push(report) });

/** The real disk, of whose calls those from `first` to `last` fail. A close that fails closes all the same. */
function failing(first: number, last: number): { readonly ops: FileOps; calls(): number } {
  let calls = 0;
  const wrap =
    <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>, runs = false) =>
    async (...args: A): Promise<T> => {
      calls++;
      if (calls < first || calls > last) return call(...args);
      if (runs) await call(...args);
      throw systemError('EIO');
    };
  const real = nodeFileOps;
  const ops: FileOps = {
    platform: real.platform,
    open: wrap(real.open),
    write: wrap(real.write),
    read: wrap(real.read),
    sync: wrap(real.sync),
    size: wrap(real.size),
    links: wrap(real.links),
    truncate: wrap(real.truncate),
    setRights: wrap(real.setRights),
    close: wrap(real.close, true),
    rename: wrap(real.rename),
    unlink: wrap(real.unlink),
    mkdir: wrap(real.mkdir),
    rmdir: wrap(real.rmdir),
    list: wrap(real.list),
  };
  return { ops, calls: () => calls };
}

/** What a killed process, or another setting, may have left. */
const LEFT: readonly (readonly [string, () => Promise<void>])[] = [
  ['nothing', async () => undefined],
  ['a shorter file', () => writeFile(path, 'x')],
  [
    'a whole file',
    async () => {
      await open().prepare();
    },
  ],
  [
    'half-written ones',
    async () => {
      await writeFile(join(folder, '.reserve.bin.1234.tmp'), 'half');
      await writeFile(join(folder, '.reserve.bin.1234-2.tmp'), 'half');
      await writeFile(path, 'x'.repeat(BYTES + 1));
    },
  ],
];

const files = () => readdir(folder);
const sizes = async () =>
  Promise.all((await files()).map(async (name) => `${name} ${(await stat(join(folder, name))).size}`));
const WHOLE = [`reserve.bin ${BYTES}`];
const sizeNow = async () => (await stat(path)).size;

describe('the reserve', () => {
  test('is written, not a hole, and does not compress', async () => {
    const reserve = open(nodeFileOps, LARGE);
    expect(reserve.held()).toBe(false);
    expect(await reserve.prepare()).toEqual({ ok: true, value: undefined });
    expect(reserve.held()).toBe(true);
    const { size, blocks } = await stat(path);
    expect(size).toBe(LARGE);
    expect(blocks * 512).toBeGreaterThanOrEqual(LARGE);
    expect(gzipSync(readFileSync(path).subarray(0, 1024 * 1024)).length).toBeGreaterThan(1024 * 1024);
    expect(reports).toEqual([]);
  });

  test('is given back once, and made again where there is room for it and its margin', async () => {
    const reserve = open();
    await reserve.prepare();
    expect(await reserve.release()).toEqual({ ok: true, value: true });
    expect(reserve.held()).toBe(false);
    expect(await files()).toEqual([]);
    expect(await reserve.release()).toEqual({ ok: true, value: false });
    expect(await reserve.restore(2 * BYTES - 1)).toEqual({ ok: true, value: false });
    expect(await files()).toEqual([]);
    expect(await reserve.restore(2 * BYTES)).toEqual({ ok: true, value: true });
    expect(await sizeNow()).toBe(BYTES);
    expect(await reserve.restore(2 * BYTES)).toEqual({ ok: true, value: false });
    expect(reserve.held()).toBe(true);
  });

  test('is not written anew where it stands, and is where it has another size, which is told', async () => {
    await open().prepare();
    const { mtimeMs, ino } = await stat(path);
    expect((await open().prepare()).ok).toBe(true);
    expect(await stat(path)).toMatchObject({ mtimeMs, ino });
    await truncate(path, 7);
    expect((await open().prepare()).ok).toBe(true);
    expect(await sizeNow()).toBe(BYTES);
    expect(reports).toEqual([
      {
        type: 'repair',
        scope: 'reserve.bin',
        reason: 'wrong_size',
        message: `held 7 bytes instead of ${BYTES}, made anew`,
      },
    ]);
  });

  test('a disk that is too full for it keeps no part of it', async () => {
    const reserve = open(withBudget({ left: BYTES - 1 }));
    expect(await reserve.prepare()).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
    expect([await files(), reserve.held()]).toEqual([[], false]);
  });

  test('other files of the folder stay', async () => {
    const others = ['.governor.json.12.tmp', 'READY', 'reserve.bin.old'];
    for (const other of others) await writeFile(join(folder, other), '');
    const reserve = open();
    await reserve.prepare();
    await reserve.release();
    expect(await files()).toEqual(others);
  });

  test('calls at once take turns', async () => {
    const call = fc.constantFrom('prepare', 'release', 'restore', 'too full');
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 8 }), async (calls) => {
        await removeFolder(path);
        const reserve = open(nodeFileOps, 5_000);
        let held = false;
        const run = (name: string) => {
          if (name === 'prepare') return reserve.prepare();
          if (name === 'release') return reserve.release();
          return reserve.restore(name === 'restore' ? 10_000 : 9_999);
        };
        const expected = calls.map((name) => {
          const before = held;
          if (name === 'prepare') held = true;
          if (name === 'release') held = false;
          if (name === 'restore') held = true;
          return name === 'prepare' ? undefined : name === 'release' ? before : held && !before;
        });
        const results = await Promise.all(calls.map(run));
        expect(results).toEqual(expected.map((value) => ({ ok: true, value })));
        expect(reserve.held()).toBe(held);
        expect(await files()).toEqual(held ? ['reserve.bin'] : []);
      }),
      { numRuns: 60 },
    );
  });
});

describe.each(LEFT)('where a process left %s', (_, leave) => {
  test.each([
    ['one call fails', 1],
    ['everything fails from one call on', Number.POSITIVE_INFINITY],
  ])('and %s, whichever: no part of it is made, and the next prepare mends it', async (_, count) => {
    for (let nth = 1; ; nth++) {
      await removeFolder(folder);
      await nodeFileOps.mkdir(folder);
      await leave();
      const before = await sizes();
      const disk = failing(nth, nth + count - 1);
      const reserve = open(disk.ops);
      const made = await reserve.prepare();
      if (disk.calls() < nth) {
        expect(made.ok).toBe(true);
        break;
      }
      expect(reserve.held()).toBe(made.ok);
      if (made.ok) expect(await sizes()).toEqual(WHOLE);
      // A whole one is not given up because nobody could look at it.
      else if (before.includes(`reserve.bin ${BYTES}`)) expect(await sizes()).toEqual(WHOLE);
      else if (count === 1) expect(before).toEqual(expect.arrayContaining(await sizes()));
      expect((await open().prepare()).ok).toBe(true);
      expect(await sizes()).toEqual(WHOLE);
    }
  });
});

test('a release of which any call fails can be made again', async () => {
  for (let nth = 1; ; nth++) {
    await open().prepare();
    const disk = failing(nth, nth);
    const reserve = open(disk.ops);
    const released = await reserve.release();
    if (disk.calls() < nth) return expect(nth).toBeGreaterThan(3);
    expect(released).toMatchObject({ ok: false, error: { code: 'EIO' } });
    expect((await reserve.release()).ok).toBe(true);
    expect([await files(), reserve.held()]).toEqual([[], false]);
  }
});
