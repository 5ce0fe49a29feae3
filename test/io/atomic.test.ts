import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendLine, removeStaleTemps, replaceFile } from '../../src/io/atomic.ts';
import { type FileOps, type FileReport, nodeFileOps } from '../../src/io/file-ops.ts';
import { manualClock } from '../support/clock.ts';
import { opsWith, removeFolder, shortWrites, systemError, tempFolder, withBudget } from '../support/files.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await tempFolder();
  path = join(folder, 'status.json');
});
afterEach(() => removeFolder(folder));

const text = () => readFile(path, 'utf8');

describe('replaceFile', () => {
  it('replaces text and bytes, makes the folder, leaves no temp file', async () => {
    path = join(folder, 'a', 'b', 'status.json');
    expect(await replaceFile(path, 'one 価格')).toEqual({ ok: true, value: undefined });
    expect(await text()).toBe('one 価格');
    expect(await replaceFile(path, new Uint8Array([50]))).toEqual({ ok: true, value: undefined });
    expect(await text()).toBe('2');
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['status.json']);
  });

  it('writes on after a short write of any length', async () => {
    const content = 'abcdefghijklmnopqrstuvwxyz0123456789';
    for (let length = 1; length <= content.length; length++) {
      const result = await replaceFile(path, `${content}${length}`, { ops: shortWrites(length) });
      expect(result.ok).toBe(true);
      expect(await text()).toBe(`${content}${length}`);
    }
  });

  it('keeps the old file when the disk fills up at any byte', async () => {
    await writeFile(path, 'old');
    for (let left = 0; left < 10; left++) {
      const result = await replaceFile(path, '0123456789', { ops: withBudget({ left }) });
      expect(result).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
      expect(await text()).toBe('old');
      expect(await readdir(folder)).toEqual(['status.json']);
    }
  });

  const failing: [string, Partial<FileOps>, string][] = [
    ['open', { open: () => Promise.reject(systemError('EMFILE')) }, 'EMFILE'],
    ['fsync', { sync: () => Promise.reject(systemError('EIO')) }, 'EIO'],
    ['a write of nothing', { write: () => Promise.resolve(0) }, 'EIO'],
    ['a file of another size', { size: () => Promise.resolve(1) }, 'wrong_size'],
    ['rename', { rename: () => Promise.reject(systemError('EACCES')) }, 'EACCES'],
    [
      'close',
      { close: (fd) => nodeFileOps.close(fd).then(() => Promise.reject(systemError('EDQUOT'))) },
      'EDQUOT',
    ],
  ];
  it.each(failing)('keeps the old file and cleans up when %s fails', async (_step, broken, code) => {
    await writeFile(path, 'old');
    const result = await replaceFile(path, 'a new one', { ops: opsWith(broken) });
    expect(result).toMatchObject({ ok: false, error: { code } });
    expect(await text()).toBe('old');
    expect(await readdir(folder)).toEqual(['status.json']);
  });

  it('says so when the temp file could not be removed either', async () => {
    const ops = opsWith({
      rename: () => Promise.reject(systemError('EROFS')),
      unlink: () => Promise.reject(systemError('EPERM')),
    });
    const result = await replaceFile(path, 'x', { ops });
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'EROFS', message: expect.stringContaining('EPERM') },
    });
  });

  it('reports a folder that could not be fsynced, and a folder that is a file', async () => {
    let syncs = 0;
    const ops = opsWith({
      sync: (fd) => (++syncs === 2 ? Promise.reject(systemError('EIO')) : nodeFileOps.sync(fd)),
    });
    expect(await replaceFile(path, 'x', { ops })).toMatchObject({ ok: false, error: { code: 'EIO' } });
    expect((await replaceFile(join(path, 'below'), 'x')).ok).toBe(false);
  });

  it('syncs the file before the rename and the folder after it', async () => {
    const steps: string[] = [];
    const ops = opsWith({
      sync: (fd) => {
        steps.push('sync');
        return nodeFileOps.sync(fd);
      },
      rename: (from, to) => {
        steps.push('rename');
        return nodeFileOps.rename(from, to);
      },
    });
    await replaceFile(path, 'x', { ops });
    expect(steps).toEqual(['sync', 'rename', 'sync']);
  });

  it('on Windows waits longer and longer for a locked file, and does not sync folders', async () => {
    const waits: number[] = [];
    const wait = async (ms: number) => void waits.push(ms);
    const codes = ['EPERM', 'EACCES', 'EBUSY'];
    let syncs = 0;
    const ops = opsWith({
      platform: 'win32',
      sync: (fd) => {
        syncs++;
        return nodeFileOps.sync(fd);
      },
      rename: (from, to) => {
        const code = codes.shift();
        return code === undefined ? nodeFileOps.rename(from, to) : Promise.reject(systemError(code));
      },
    });
    expect((await replaceFile(path, 'x', { ops, wait })).ok).toBe(true);
    expect(waits).toEqual([10, 20, 40]);
    expect(syncs).toBe(1);

    const locked = opsWith({ platform: 'win32', rename: () => Promise.reject(systemError('EBUSY')) });
    expect(await replaceFile(path, 'y', { ops: locked, wait })).toMatchObject({
      ok: false,
      error: { code: 'EBUSY' },
    });
    expect(waits.length).toBe(11);
    expect(await text()).toBe('x');
  });

  it('gives each call for one path its turn: the last one stands, whatever the disk does', async () => {
    let active = 0;
    let most = 0;
    const ops = opsWith({
      async rename(from, to) {
        most = Math.max(most, ++active);
        await new Promise(setImmediate);
        await nodeFileOps.rename(from, to);
        active--;
      },
    });
    const calls = Array.from({ length: 30 }, (_, n) =>
      replaceFile(path, `content ${n}`, { ops: n % 7 === 3 ? withBudget({ left: 2 }) : ops }),
    );
    const results = await Promise.all(calls);
    expect(results.map((result) => result.ok)).toEqual(results.map((_, n) => n % 7 !== 3));
    expect(most).toBe(1);
    expect(await text()).toBe('content 29');
    expect(await readdir(folder)).toEqual(['status.json']);
  });

  it('shows a reader the old content or the new, whole', async () => {
    const content = (n: number) => `${n}:`.padEnd(200_000, String(n % 10));
    await replaceFile(path, content(0));
    let done = false;
    const seen = new Set<string>();
    const reading = (async () => {
      while (!done) seen.add(await text());
    })();
    for (let n = 1; n <= 40; n++) await replaceFile(path, content(n), { ops: shortWrites(50_000) });
    done = true;
    await reading;
    const valid = new Set(Array.from({ length: 41 }, (_, n) => content(n)));
    expect([...seen].filter((read) => !valid.has(read)).length).toBe(0);
    expect(seen.size).toBeGreaterThan(1);
  });

  it('is not held up by the temp file of a killed process, which removeStaleTemps removes', async () => {
    const stale = `.status.json.${process.pid}.tmp`;
    await writeFile(join(folder, stale), 'half');
    await writeFile(join(folder, '.keep.tmp'), '');
    expect((await replaceFile(path, 'new')).ok).toBe(true);
    expect(await removeStaleTemps(folder)).toEqual({ ok: true, value: 1 });
    expect((await readdir(folder)).sort()).toEqual(['.keep.tmp', 'status.json']);
    expect(await removeStaleTemps(join(folder, 'none'))).toMatchObject({
      ok: false,
      error: { code: 'ENOENT' },
    });
  });
});

describe('appendLine', () => {
  const clock = manualClock();
  const reports: FileReport[] = [];
  const options = { clock, report: (report: FileReport) => void reports.push(report) };
  beforeEach(() => {
    reports.length = 0;
    path = join(folder, 'collector', 'events.jsonl');
  });

  it('appends whole lines in order; those that wait together share a write', async () => {
    let writes = 0;
    const ops = opsWith({
      write: (...args) => {
        writes++;
        return nodeFileOps.write(...args);
      },
    });
    const lines = Array.from({ length: 100 }, (_, n) => JSON.stringify({ n, text: 'a\nb' }));
    const results = await Promise.all(lines.map((line) => appendLine(path, line, { ...options, ops })));
    expect(results.every((result) => result.ok)).toBe(true);
    expect(await appendLine(path, '{"last":1}', options)).toEqual({ ok: true, value: undefined });
    expect(await text()).toBe(`${[...lines, '{"last":1}'].join('\n')}\n`);
    expect(writes).toBeLessThan(5);
  });

  it('refuses a line end within a line', () => {
    expect(() => appendLine(path, 'a\nb', options)).toThrow(RangeError);
  });

  it('leaves nothing of a line that failed, at any byte, and goes on', async () => {
    await appendLine(path, '{"n":0}', options);
    for (let left = 0; left < 8; left++) {
      const result = await appendLine(path, '{"n":1}', { ...options, ops: withBudget({ left }) });
      expect(result).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
      expect(await text()).toBe('{"n":0}\n');
    }
    let syncs = 0;
    const ops = opsWith({
      sync: () => (syncs++ === 0 ? Promise.reject(systemError('EIO')) : Promise.resolve()),
    });
    expect(await appendLine(path, '{"n":2}', { ...options, ops })).toMatchObject({
      ok: false,
      error: { code: 'EIO' },
    });
    expect((await appendLine(path, '{"n":3}', options)).ok).toBe(true);
    expect(await text()).toBe('{"n":0}\n{"n":3}\n');
  });

  it('says so when a failed line could not be taken back', async () => {
    const ops = opsWith({
      ...withBudget({ left: 3 }),
      truncate: () => Promise.reject(systemError('EIO')),
    });
    const result = await appendLine(path, '{"n":1}', { ...options, ops });
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'ENOSPC', message: expect.stringContaining('in part') },
    });
  });

  it('moves the torn line of a killed process aside and says so', async () => {
    await mkdir(join(folder, 'collector'));
    await writeFile(path, `{"n":0}\n{"n":1,"te`);
    expect((await appendLine(path, '{"n":2}', options)).ok).toBe(true);
    expect(await text()).toBe('{"n":0}\n{"n":2}\n');
    const aside = 'events.jsonl.torn-20261121T000000.000000Z';
    expect(await readFile(join(folder, 'collector', aside), 'utf8')).toBe('{"n":1,"te');
    const message = `10 torn bytes moved to ${aside}`;
    expect(reports).toEqual([{ type: 'repair', scope: 'events.jsonl', reason: 'torn_tail', message }]);
  });

  it('finds the last line end far before a long torn line, and keeps both copies of two torn lines', async () => {
    await mkdir(join(folder, 'collector'));
    for (const fill of ['x', 'y']) {
      await writeFile(path, `whole\n${fill.repeat(200_000)}`);
      await appendLine(path, 'next', options);
      expect(await text()).toBe('whole\nnext\n');
    }
    const asides = (await readdir(join(folder, 'collector'))).filter((name) => name.includes('torn')).sort();
    expect(asides.length).toBe(2);
    const sizes = await Promise.all(
      asides.map(async (name) => (await stat(join(folder, 'collector', name))).size),
    );
    expect(sizes).toEqual([200_000, 200_000]);
  });

  it('closes every descriptor, whatever fails', async () => {
    let open = 0;
    const counting: Partial<FileOps> = {
      open: async (name, flags) => {
        const fd = await nodeFileOps.open(name, flags);
        open++;
        return fd;
      },
      close: (fd) => {
        open--;
        return nodeFileOps.close(fd);
      },
    };
    for (let failAt = 1; failAt <= 8; failAt++) {
      let step = 0;
      const ops = opsWith({
        ...counting,
        sync: (fd) => (++step === failAt ? Promise.reject(systemError('EIO')) : nodeFileOps.sync(fd)),
      });
      await appendLine(join(folder, `dir${failAt}`, 'a.jsonl'), 'x', { ...options, ops });
      step = 0;
      await replaceFile(join(folder, `dir${failAt}`, 'b.json'), 'x', { ops });
    }
    expect(open).toBe(0);
  });
});
