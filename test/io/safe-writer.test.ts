import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import { opsWith, shortWrites } from '../support/files.ts';
import { FILE, HEADER, put, rows, turn, type WriterBench, watched, writerBench } from '../support/writer.ts';

let fcRun = 0;
let bench: WriterBench;
beforeEach(async () => {
  bench = await writerBench();
});
afterEach(() => bench.remove());

describe('append and flush', () => {
  it('makes the folder, writes the header once, and the rows in order', async () => {
    const writer = bench.create();
    put(writer, 0, 3);
    put(writer, 3, 4);
    expect(await writer.flush()).toEqual({ ok: true, value: undefined });
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 4)}`);
    put(writer, 4, 6);
    expect(await writer.close()).toEqual({ ok: true, value: undefined });
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 6)}`);
    expect(writer.status()).toEqual({
      rows: 6,
      bytes: rows(0, 6).length,
      fsync_lag_ms: 0,
      queue_bytes: 0,
      rows_lost: 0,
      open_files: 0,
      errors: 0,
      failing_files: 0,
      last_error: null,
    });
    expect(put(writer, 6, 7)).toBe(false);
    expect(bench.reports).toEqual([]);
    expect(bench.clock.pending()).toBe(0);
  });

  it('hands all that waits for a file to one write per flush, and calls back after it', async () => {
    const disk = watched();
    const writer = bench.create({ ops: disk.ops });
    let done = 0;
    for (let n = 0; n < 100; n++) put(writer, n, n + 1, FILE, () => done++);
    expect(done).toBe(0);
    await bench.pass(50, () => done === 100);
    expect(disk.count('write')).toBe(1);
    for (let n = 100; n < 200; n++) put(writer, n, n + 1, FILE, () => done++);
    await bench.pass(50, () => done === 200);
    expect(disk.count('write')).toBe(2);
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 200)}`);
    await writer.close();
  });

  it('fsyncs what was written within the bound, and not again', async () => {
    const disk = watched();
    const writer = bench.create({ ops: disk.ops, fsyncMs: 1_000 });
    put(writer, 0, 1);
    await bench.pass(50, () => writer.status().rows === 1);
    const atOpen = disk.count('sync');
    await bench.pass(300);
    expect(disk.count('sync')).toBe(atOpen);
    expect(writer.status().fsync_lag_ms).toBe(300);
    await bench.pass(300, () => disk.count('sync') === atOpen + 1);
    await bench.pass(3_000, () => writer.status().fsync_lag_ms === 0);
    expect(disk.count('sync')).toBe(atOpen + 1);
    await writer.close();
  });

  it('goes on at the right byte after a short write of any length', async () => {
    const expected = `${HEADER}\n${rows(0, 5)}`;
    for (let length = 1; length <= expected.length; length++) {
      const file = `short/${length}.csv`;
      const writer = bench.create({ ops: shortWrites(length) });
      put(writer, 0, 2, file);
      await writer.flush();
      put(writer, 2, 5, file);
      expect((await writer.close()).ok).toBe(true);
      expect(await bench.read(file)).toBe(expected);
    }
  });

  it('never has two writes under way for one file, and keeps the order of each file', async () => {
    const batches = fc.array(
      fc.record({ file: fc.nat(4), rows: fc.integer({ min: 1, max: 4 }), wait: fc.boolean() }),
      {
        maxLength: 60,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        batches,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (list, length, maxOpenFiles) => {
          const folder = `p${fcRun++}`;
          const writing = new Set<number>();
          const short = shortWrites(length);
          const ops = opsWith({
            async write(fd, ...rest) {
              expect(writing.has(fd)).toBe(false);
              writing.add(fd);
              const count = await short.write(fd, ...rest);
              writing.delete(fd);
              return count;
            },
          });
          const writer = bench.create({ ops, maxOpenFiles, flushMs: 1, fsyncMs: 4 });
          const next = [0, 0, 0, 0, 0];
          for (const batch of list) {
            const from = next[batch.file] ?? 0;
            next[batch.file] = from + batch.rows;
            expect(put(writer, from, from + batch.rows, `${folder}/${batch.file}.csv`)).toBe(true);
            bench.clock.advance(1);
            if (batch.wait) await turn();
            expect(writer.status().open_files).toBeLessThanOrEqual(maxOpenFiles);
          }
          expect((await writer.close()).ok).toBe(true);
          for (const [file, count] of next.entries()) {
            if (count > 0)
              expect(await bench.read(`${folder}/${file}.csv`)).toBe(`${HEADER}\n${rows(0, count)}`);
          }
          expect(writer.status()).toMatchObject({
            rows: next.reduce((a, b) => a + b, 0),
            errors: 0,
            queue_bytes: 0,
          });
        },
      ),
      { numRuns: 60 },
    );
    expect(bench.reports).toEqual([]);
  });

  it('refuses what does not fit into its queue, but an empty queue takes anything', async () => {
    const writer = bench.create({ queueBytes: 21 });
    expect(put(writer, 0, 10)).toBe(true);
    expect(put(writer, 10, 11)).toBe(false);
    expect(writer.status().queue_bytes).toBe(60);
    await writer.flush();
    expect(writer.status().queue_bytes).toBe(0);
    expect(put(writer, 10, 12)).toBe(true);
    expect(put(writer, 12, 13)).toBe(true);
    expect(put(writer, 13, 14, 'other.csv')).toBe(false);
    await writer.close();
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 13)}`);
  });

  it.each(['/etc/x', '../x', 'a/../x', 'a//x', 'a\\x', 'a\0', './x', '', 'C:/x'])(
    'throws on the file name %j',
    (name) => {
      expect(() => put(bench.create(), 0, 1, name)).toThrow(RangeError);
    },
  );

  it('throws on bytes that are not whole rows and on other columns for the same file', () => {
    const writer = bench.create();
    expect(() => writer.append({ file: FILE, header: HEADER, bytes: Buffer.from('okx,1'), rows: 1 })).toThrow(
      RangeError,
    );
    expect(() => writer.append({ file: FILE, header: HEADER, bytes: new Uint8Array(0), rows: 0 })).toThrow(
      RangeError,
    );
    put(writer, 0, 1);
    expect(() =>
      writer.append({ file: FILE, header: 'a,b,c', bytes: Buffer.from('1,2,3\n'), rows: 1 }),
    ).toThrow(RangeError);
  });
});

describe('many files', () => {
  it('records a thousand symbols with few descriptors, and forgets files that need nothing', async () => {
    let open = 0;
    let most = 0;
    const ops = opsWith({
      open: async (path, flags) => {
        const fd = await nodeFileOps.open(path, flags);
        if (path.endsWith('.csv')) most = Math.max(most, ++open);
        return fd;
      },
      close: (fd) => {
        open--;
        return nodeFileOps.close(fd);
      },
      sync: () => Promise.resolve(),
    });
    // Folders are opened and closed too: made beforehand, they do not blur the count.
    await mkdir(join(bench.root, 'raw'));
    const writer = bench.create({ ops: { ...ops, platform: 'win32' }, maxOpenFiles: 8 });
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 1_000; n++) put(writer, round, round + 1, `raw/${n}.csv`);
      expect((await writer.flush()).ok).toBe(true);
    }
    expect(most).toBe(8);
    expect(writer.status()).toMatchObject({ rows: 3_000, open_files: 8, errors: 0 });
    await writer.close();
    expect(open).toBe(0);
    for (let n = 0; n < 1_000; n += 97)
      expect(await bench.read(`raw/${n}.csv`)).toBe(`${HEADER}\n${rows(0, 3)}`);
  });
});

describe('losing a descriptor', () => {
  it('keeps the rows that come for a file while it is being closed', async () => {
    const held: (() => void)[] = [];
    let hold = false;
    const ops = opsWith({
      async close(fd) {
        if (hold) await new Promise<void>((go) => held.push(go));
        return nodeFileOps.close(fd);
      },
    });
    const writer = bench.create({ ops, maxOpenFiles: 1 });
    put(writer, 0, 1, 'a.csv');
    await writer.flush();
    hold = true;
    put(writer, 0, 1, 'b.csv');
    await bench.pass(50, () => held.length > 0);
    put(writer, 1, 2, 'a.csv');
    hold = false;
    for (const go of held) go();
    // The other file has its descriptor only when the closing is over.
    await bench.pass(0, () => writer.status().rows === 2);
    expect((await writer.close()).ok).toBe(true);
    expect(await bench.read('a.csv')).toBe(`${HEADER}\n${rows(0, 2)}`);
    expect(await bench.read('b.csv')).toBe(`${HEADER}\n${rows(0, 1)}`);
  });
});

describe('a reader', () => {
  it('sees whole rows only, while rows are added', async () => {
    const writer = bench.create({ flushMs: 1 });
    let wrong = 0;
    let reads = 0;
    put(writer, 0, 1);
    await writer.flush();
    for (let n = 1; n < 300; n += 3) {
      put(writer, n, n + 3);
      bench.clock.advance(1);
      const text = await bench.read();
      reads++;
      if (!/^exchange,n\n(okx,\d+\n)+$/.test(text)) wrong++;
    }
    await writer.close();
    expect({ wrong, reads }).toEqual({ wrong: 0, reads: 100 });
  });
});

it('closes while a file is being left', async () => {
  let armed = false;
  let begun = (): void => undefined;
  const isLeaving = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let go = (): void => undefined;
  const mayClose = new Promise<void>((resolve) => {
    go = resolve;
  });
  const ops = opsWith({
    async close(fd) {
      if (armed) {
        begun();
        await mayClose;
      }
      await nodeFileOps.close(fd);
    },
  });
  const writer = bench.create({ ops });
  put(writer, 0, 3);
  await writer.flush();
  armed = true;
  const left = writer.leave(FILE);
  await isLeaving;
  const closed = writer.close();
  go();
  await left;
  expect(await closed).toEqual({ ok: true, value: undefined });
  expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 3)}`);
});
