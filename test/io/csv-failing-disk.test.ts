import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import { opsWith, systemError, withBudget } from '../support/files.ts';
import { FILE, HEADER, put, rows, type WriterBench, watched, writerBench } from '../support/writer.ts';

let bench: WriterBench;
beforeEach(async () => {
  bench = await writerBench();
});
afterEach(() => bench.remove());

describe('a disk that fails', () => {
  it('keeps whole rows and loses none when the disk is full at any byte, then has room again', async () => {
    const total = `${HEADER}\n${rows(0, 4)}`.length;
    for (let left = 0; left < total; left++) {
      bench.reports.length = 0;
      const file = `full/${left}.csv`;
      const budget = { left };
      const writer = bench.create({ ops: withBudget(budget) });
      let done = 0;
      put(writer, 0, 4, file, () => done++);
      expect(await writer.flush()).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
      expect(await bench.read(file)).toMatch(/^(exchange,n\n(okx,\d+\n)*)?$/);
      expect(writer.status()).toMatchObject({ rows: 0, errors: 1, queue_bytes: rows(0, 4).length });
      put(writer, 4, 6, file);
      // What a thread that starts now is told: the file, and behind it what waits.
      const known = (await bench.read(file)).replace(`${HEADER}\n`, '') + Buffer.concat(writer.waiting(file));
      expect(known).toBe(rows(0, 6));
      budget.left = 1_000;
      expect((await writer.close()).ok).toBe(true);
      expect(await bench.read(file)).toBe(`${HEADER}\n${rows(0, 6)}`);
      expect(done).toBe(1);
      expect(bench.reports.map((report) => report.reason)).toEqual(['ENOSPC', 'recovered']);
    }
  });

  it('tries again with growing delays up to 5 s, bench.reports a streak once, holds up no other file', async () => {
    let tries = 0;
    let broken = true;
    const ops = opsWith({
      open: (path, flags) => {
        if (!path.includes('BTC') || !broken) return nodeFileOps.open(path, flags);
        tries++;
        return Promise.reject(systemError('EACCES'));
      },
    });
    const writer = bench.create({ ops });
    put(writer, 0, 1);
    put(writer, 0, 1, 'raw/other.csv');
    await bench.pass(1_000, () => writer.status().rows === 1);
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(6);
    await bench.pass(20_000);
    const before = tries;
    await bench.pass(20_000);
    expect(tries - before).toBe(4);
    expect(bench.reports).toEqual([
      { type: 'error', scope: FILE, reason: 'EACCES', message: 'EACCES: injected' },
    ]);
    expect(await bench.read('raw/other.csv')).toBe(`${HEADER}\n${rows(0, 1)}`);
    expect(writer.status().last_error).toBe(`${FILE}: EACCES: injected`);
    broken = false;
    await bench.pass(6_000, () => writer.status().rows === 2);
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 1)}`);
    expect(bench.reports[1]).toMatchObject({ type: 'repair', reason: 'recovered' });
    await writer.close();
  });

  it('rows of which no fsync tells wait too, without the header: they can be cut from the file', async () => {
    // Of the file alone; the folder's is made through a descriptor for reading.
    const files = new Set<number>();
    const ops = opsWith({
      async open(path, flags) {
        const fd = await nodeFileOps.open(path, flags);
        if (flags !== 'r') files.add(fd);
        return fd;
      },
      sync: (fd) => (files.has(fd) ? Promise.reject(systemError('EIO')) : nodeFileOps.sync(fd)),
    });
    const writer = bench.create({ ops });
    put(writer, 0, 2);
    expect(await writer.flush()).toMatchObject({ ok: false, error: { code: 'EIO' } });
    put(writer, 2, 3);
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 2)}`);
    expect(String(Buffer.concat(writer.waiting(FILE)))).toBe(rows(0, 3));
    await writer.close();
  });

  it('does not trust a descriptor after a failed fsync, and says that the rows are not safe until one succeeds', async () => {
    let failing = true;
    // Only files are open for reading and writing; a folder's fsync stays good.
    const files = new Set<number>();
    const disk = watched({
      open: async (path, flags) => {
        const fd = await nodeFileOps.open(path, flags);
        if (flags !== 'r') files.add(fd);
        else files.delete(fd);
        return fd;
      },
      sync: (fd) => (failing && files.has(fd) ? Promise.reject(systemError('EIO')) : nodeFileOps.sync(fd)),
    });
    const writer = bench.create({ ops: disk.ops });
    put(writer, 0, 2);
    expect(await writer.flush()).toMatchObject({ ok: false, error: { code: 'EIO' } });
    expect(writer.status().open_files).toBe(0);
    bench.clock.advance(30);
    expect(writer.status().fsync_lag_ms).toBe(30);
    expect(bench.reports.map((report) => report.reason)).toEqual(['EIO']);
    const opened = disk.count('open r+');
    failing = false;
    put(writer, 2, 3);
    expect((await writer.flush()).ok).toBe(true);
    // Once to cut it back to what the last good fsync left, once to go on.
    expect(disk.count('open r+')).toBe(opened + 2);
    expect(writer.status().fsync_lag_ms).toBe(0);
    await writer.close();
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 3)}`);
  });

  it('writes the whole row again when a part of it could not be taken back', async () => {
    const budget = { left: `${HEADER}\n${rows(0, 1)}okx`.length };
    let stuck = true;
    const ops = opsWith({
      ...withBudget(budget),
      truncate: (fd, size) => (stuck ? Promise.reject(systemError('EIO')) : nodeFileOps.truncate(fd, size)),
    });
    const writer = bench.create({ ops });
    put(writer, 0, 3);
    const flushed = await writer.flush();
    expect(flushed).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('the last row is torn') },
    });
    budget.left = 1_000;
    stuck = false;
    expect((await writer.close()).ok).toBe(true);
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 3)}`);
    expect(bench.reports.map((report) => report.reason)).toEqual(['ENOSPC', 'torn_tail', 'recovered']);
    expect(writer.status()).toMatchObject({ rows: 3, rows_lost: 0, queue_bytes: 0 });
  });

  it('begins with the header again when the file is gone by the time there is room', async () => {
    const budget = { left: `${HEADER}\n${rows(0, 2)}`.length };
    const writer = bench.create({ ops: withBudget(budget) });
    put(writer, 0, 5);
    expect((await writer.flush()).ok).toBe(false);
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 2)}`);
    await rename(join(bench.root, FILE), join(bench.root, 'moved.csv'));
    budget.left = 1_000;
    expect((await writer.close()).ok).toBe(true);
    expect(await bench.read('moved.csv')).toBe(`${HEADER}\n${rows(0, 2)}`);
    expect(await bench.read()).toBe(`${HEADER}\n${rows(2, 5)}`);
  });

  it('gives up at the stop what cannot be written: counted, reported, called back', async () => {
    const writer = bench.create({ ops: withBudget({ left: `${HEADER}\n${rows(0, 1)}okx`.length }) });
    let done = 0;
    put(writer, 0, 3, FILE, () => done++);
    put(writer, 3, 5, FILE, () => done++);
    expect(await writer.close()).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
    expect(done).toBe(2);
    expect(writer.status()).toMatchObject({ rows: 1, rows_lost: 4, queue_bytes: 0 });
    expect(bench.reports.at(-1)).toMatchObject({ scope: FILE, reason: 'rows_lost' });
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 1)}`);
  });
});
