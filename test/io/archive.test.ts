import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInflateRaw, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { err, failure, ok } from '../../src/core/result.ts';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import { gzipFile } from '../../src/io/gzip-file.ts';
import { type ArchiveBench, archiveBench, csv, DAY, HEADER, LIVE, STEM } from '../support/archive.ts';
import { opsWith, systemError } from '../support/files.ts';

let bench: ArchiveBench;
beforeEach(async () => {
  bench = await archiveBench();
});
afterEach(() => bench.remove());

const FOLDER = `raw/archive/${DAY}`;

describe('a closed file', () => {
  it('becomes one gzip member of its day, is listed with what is in it, and goes', async () => {
    const archive = bench.create();
    // In the order of application, which need not be that of receipt.
    const rows = csv(5, 9) + csv(2, 4).slice(HEADER.length + 1);
    await bench.live(rows);
    await archive.take(LIVE, DAY, 'rotation');
    expect(bench.names('raw')).toEqual(['archive']);
    await archive.settled();
    expect(bench.names()).toEqual([`${STEM}.001.csv.gz`]);
    expect(bench.contents()).toEqual({ [`${STEM}.001.csv`]: rows });
    const gz = await readFile(join(bench.root, FOLDER, `${STEM}.001.csv.gz`));
    const hash = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(bench.manifest()).toEqual([
      {
        file: `${FOLDER}/${STEM}.001.csv.gz`,
        rows: 6,
        bytes: gz.length,
        sha256: hash(gz),
        csv_bytes: rows.length,
        csv_sha256: hash(rows),
        first_ts: 1_795_132_802,
        last_ts: 1_795_132_808,
        sealed_ts: 1_795_219_200,
        sealed_by: 'rotation',
      },
    ]);
    expect(archive.status()).toEqual({
      waiting: 0,
      sealed: 1,
      recovered: 0,
      errors: 0,
      last_error: null,
      oldest_waiting_sec: 0,
    });
    expect(bench.reports).toEqual([]);
  });

  it('does each step only when the one before is on disk', async () => {
    const calls: string[] = [];
    const paths = new Map<number, string>();
    const short = (path: string): string =>
      path
        .slice(bench.root.length + 1)
        .replace(/\.\d+\.tmp$/, '.tmp')
        .replace(FOLDER, 'DAY');
    const ops = opsWith({
      open: async (path, flags) => {
        const fd = await nodeFileOps.open(path, flags);
        paths.set(fd, short(path));
        return fd;
      },
      sync: (fd) => {
        calls.push(`sync ${paths.get(fd)}`);
        return nodeFileOps.sync(fd);
      },
      rename: (from, to) => {
        calls.push(`rename ${short(from)} ${short(to)}`);
        return nodeFileOps.rename(from, to);
      },
      write: (fd, ...rest) => {
        const call = `write ${paths.get(fd)}`;
        if (calls.at(-1) !== call) calls.push(call);
        return nodeFileOps.write(fd, ...rest);
      },
      unlink: (path) => {
        calls.push(`unlink ${short(path)}`);
        return nodeFileOps.unlink(path);
      },
    });
    await mkdir(join(bench.root, FOLDER), { recursive: true });
    await bench.live(csv(0, 2));
    const archive = bench.create(ops);
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    const plain = `DAY/${STEM}.001.csv`;
    const temp = `DAY/.${STEM}.001.csv.gz.tmp`;
    expect(calls).toEqual([
      // The folders may be those of a process that was killed before they were on disk.
      'sync raw/archive',
      'sync raw',
      `rename ${LIVE} ${plain}`,
      'sync DAY',
      'sync raw',
      `write ${temp}`,
      `sync ${temp}`,
      `rename ${temp} ${plain}.gz`,
      'sync DAY',
      'write raw/archive/manifest.jsonl',
      'sync raw/archive/manifest.jsonl',
      'sync raw/archive',
      `unlink ${plain}`,
      'sync DAY',
    ]);
  });

  it.each(['', `${HEADER}\n`])('without rows (%j) is removed', async (text) => {
    const archive = bench.create();
    await bench.live(text);
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    expect(bench.names('raw')).toEqual([]);
    expect(bench.manifest()).toEqual([]);
  });

  it('with nothing but torn bytes is removed too; they are kept aside', async () => {
    const archive = bench.create();
    await bench.live(`${HEADER}\nokx,BTC/US`);
    await archive.take(LIVE, DAY, 'recovery');
    await archive.settled();
    expect(bench.names()).toEqual([`${STEM}.001.csv.torn-20261121T000000.000000Z`]);
    expect(bench.manifest()).toEqual([]);
    expect(archive.status()).toMatchObject({ waiting: 0, sealed: 0 });
    expect(bench.reports).toMatchObject([{ type: 'repair', reason: 'torn_tail' }]);
  });

  it('that is not there, or is none of ours, is refused', async () => {
    const archive = bench.create();
    await expect(archive.take(LIVE, DAY, 'rotation')).rejects.toMatchObject({ code: 'ENOENT' });
    for (const [file, day] of [
      ['raw/../secret.csv', DAY],
      ['latest/trades-okx.csv', DAY],
      [LIVE, '../../etc'],
      [LIVE, '20261120'],
    ] as const) {
      await expect(archive.take(file, day, 'rotation')).rejects.toThrow(RangeError);
    }
  });
});

describe('numbers', () => {
  it('count the parts of a stem within a day', async () => {
    const archive = bench.create();
    for (const [part, day] of [DAY, DAY, '2026-11-21'].entries()) {
      await bench.live(csv(part, part + 1));
      await archive.take(LIVE, day, 'rotation');
    }
    await bench.live(csv(7, 8), 'raw/trades-okx-ETH-USDT.csv');
    await archive.take('raw/trades-okx-ETH-USDT.csv', DAY, 'rotation');
    await archive.settled();
    expect(bench.contents()).toEqual({
      [`${STEM}.001.csv`]: csv(0, 1),
      [`${STEM}.002.csv`]: csv(1, 2),
      'trades-okx-ETH-USDT.001.csv': csv(7, 8),
    });
    expect(bench.names('raw/archive/2026-11-21')).toEqual([`${STEM}.001.csv.gz`]);
    expect(bench.manifest().map(({ rows, first_ts }) => [rows, first_ts])).toEqual([
      [1, 1_795_132_800],
      [1, 1_795_132_801],
      [1, 1_795_132_802],
      [1, 1_795_132_807],
    ]);
  });

  it('are used once: also when the archive is elsewhere now, or only its plain file stands', async () => {
    const first = bench.create();
    await bench.live(csv(0, 1));
    await first.take(LIVE, DAY, 'rotation');
    await first.settled();
    await unlink(join(bench.root, FOLDER, `${STEM}.001.csv.gz`));
    const second = bench.create();
    await bench.live(csv(1, 2));
    await second.take(LIVE, DAY, 'rotation');
    await second.settled();
    expect(bench.names()).toEqual([`${STEM}.002.csv.gz`]);
    await writeFile(join(bench.root, FOLDER, `${STEM}.999.csv`), csv(2, 3));
    const third = bench.create();
    await bench.live(csv(3, 4));
    await third.take(LIVE, DAY, 'rotation');
    await third.settled();
    expect(bench.names()).toEqual([`${STEM}.002.csv.gz`, `${STEM}.1000.csv.gz`, `${STEM}.999.csv`]);
  });

  it('stay right over more days than are kept in memory, and for a folder that was removed', async () => {
    const archive = bench.create();
    const days = Array.from({ length: 8 }, (_, at) => `2026-11-0${at + 1}`);
    for (const day of [...days, ...days]) {
      await bench.live(csv(0, 1));
      await archive.take(LIVE, day, 'rotation');
    }
    await archive.settled();
    for (const day of days) {
      expect(bench.names(`raw/archive/${day}`)).toEqual([`${STEM}.001.csv.gz`, `${STEM}.002.csv.gz`]);
    }
    await rm(join(bench.root, 'raw/archive/2026-11-08'), { recursive: true });
    await bench.live(csv(0, 1));
    await archive.take(LIVE, '2026-11-08', 'rotation');
    await archive.settled();
    expect(bench.names('raw/archive/2026-11-08')).toEqual([`${STEM}.003.csv.gz`]);
  });
});

describe('a start', () => {
  it('finds nothing where there is no archive', async () => {
    expect(await bench.create().recover()).toEqual(ok({ found: 0 }));
  });

  it('seals what an earlier process left, whole rows only, and removes its temps', async () => {
    await mkdir(join(bench.root, FOLDER), { recursive: true });
    await writeFile(join(bench.root, FOLDER, `${STEM}.001.csv`), `${csv(0, 3)}okx,BTC/USDT,17951`);
    await writeFile(join(bench.root, FOLDER, `.${STEM}.001.csv.gz.4711.tmp`), 'half');
    await writeFile(join(bench.root, FOLDER, `${STEM}.002.csv`), csv(3, 4));
    await writeFile(join(bench.root, FOLDER, 'notes.csv'), "an operator's");
    const archive = bench.create();
    expect(await archive.recover()).toEqual(ok({ found: 2 }));
    await archive.settled();
    const aside = `${STEM}.001.csv.torn-20261121T000000.000000Z`;
    expect(bench.names()).toEqual(['notes.csv', `${STEM}.001.csv.gz`, aside, `${STEM}.002.csv.gz`]);
    expect(bench.text(`${FOLDER}/${aside}`)).toBe('okx,BTC/USDT,17951');
    expect(bench.manifest().map(({ rows, sealed_by }) => [rows, sealed_by])).toEqual([
      [3, 'recovery'],
      [1, 'recovery'],
    ]);
    expect(archive.status()).toMatchObject({ sealed: 2, recovered: 2, waiting: 0 });
    const message = `18 torn bytes moved to ${aside}`;
    const scope = `${FOLDER}/${STEM}.001.csv`;
    expect(bench.reports).toEqual([{ type: 'repair', scope, reason: 'torn_tail', message }]);
  });

  it('only removes the plain file where all else was done', async () => {
    let made = 0;
    await sealedWithPlain();
    const before = bench.text(`raw/archive/manifest.jsonl`);
    const archive = bench.create(
      opsWith({
        rename: (from, to) => {
          made += 1;
          return nodeFileOps.rename(from, to);
        },
      }),
    );
    expect(await archive.recover()).toEqual(ok({ found: 1 }));
    await archive.settled();
    expect(made).toBe(0);
    expect(bench.names()).toEqual([`${STEM}.001.csv.gz`]);
    expect(bench.text(`raw/archive/manifest.jsonl`)).toBe(before);
  });

  it('does not trust a listed archive that is broken, missing, or of other rows', async () => {
    const path = join(bench.root, FOLDER, `${STEM}.001.csv`);
    const harms: readonly (() => Promise<void>)[] = [
      () => truncate(`${path}.gz`, 30),
      () => unlink(`${path}.gz`),
      () => writeFile(path, csv(0, 5)),
    ];
    for (const [at, harm] of harms.entries()) {
      await rm(join(bench.root, 'raw/archive'), { recursive: true, force: true });
      await sealedWithPlain();
      await harm();
      const archive = bench.create();
      await archive.recover();
      await archive.settled();
      expect(bench.names()).toEqual([`${STEM}.001.csv.gz`]);
      const rows = at === 2 ? 5 : 3;
      expect(bench.contents()).toEqual({ [`${STEM}.001.csv`]: csv(0, rows) });
      // The same archive made anew is the same line; another one is another, and the newest holds.
      expect(bench.manifest().map((entry) => entry.rows)).toEqual(at === 2 ? [3, 5] : [3]);
    }
  });

  it('does not trust a manifest line without its end, which the next line would cut off', async () => {
    await sealedWithPlain();
    const manifest = join(bench.root, 'raw/archive/manifest.jsonl');
    await truncate(manifest, bench.text('raw/archive/manifest.jsonl').length - 1);
    const archive = bench.create();
    await archive.recover();
    await archive.settled();
    expect(bench.manifest()).toHaveLength(1);
    expect(bench.text('raw/archive/manifest.jsonl').endsWith('}\n')).toBe(true);
    expect(bench.names()).toEqual([`${STEM}.001.csv.gz`]);
  });

  it('tells of a manifest line that it cannot read', async () => {
    await sealedWithPlain();
    const lines = bench.text('raw/archive/manifest.jsonl');
    await writeFile(join(bench.root, 'raw/archive/manifest.jsonl'), `{}\n${lines}nonsense\n`);
    const archive = bench.create();
    await archive.recover();
    await archive.settled();
    expect(bench.reports).toMatchObject([
      { type: 'error', reason: 'bad_line', message: expect.stringContaining('2 lines') },
    ]);
    expect(bench.reports[0]?.message).toContain('line 1');
    expect(bench.names()).toEqual([`${STEM}.001.csv.gz`]);
  });

  it('that cannot read the archive says so', async () => {
    const archive = bench.create(opsWith({ list: () => Promise.reject(systemError('EIO')) }));
    expect(await archive.recover()).toMatchObject({ ok: false, error: { code: 'EIO' } });
  });

  /** What a kill right before the removal of the plain file leaves. */
  async function sealedWithPlain(): Promise<void> {
    const earlier = bench.create();
    await bench.live(csv(0, 3));
    await earlier.take(LIVE, DAY, 'rotation');
    await earlier.settled();
    await writeFile(join(bench.root, FOLDER, `${STEM}.001.csv`), csv(0, 3));
  }
});

describe('the newest file of a stem', () => {
  it('is that of the highest number in the latest day that has one', async () => {
    const archive = bench.create();
    expect(await archive.newest(STEM)).toBeNull();
    for (const name of [
      '2026-11-20/trades-okx-BTC-USDT.999.csv.gz',
      '2026-11-20/trades-okx-BTC-USDT.1000.csv.gz',
      '2026-11-20/trades-okx-BTC-USDT.002.csv',
      '2026-11-21/trades-okx-BTC-USDT_USDT.001.csv.gz',
      '2026-11-21/trades-okx-BTC-USDT.columns.csv',
      'manifest.jsonl',
    ]) {
      await mkdir(join(bench.root, 'raw/archive', name, '..'), { recursive: true });
      await writeFile(join(bench.root, 'raw/archive', name), '');
    }
    const at = (name: string): string => join(bench.root, 'raw/archive', name);
    expect(await archive.newest(STEM)).toBe(at('2026-11-20/trades-okx-BTC-USDT.1000.csv.gz'));
    // The plain file while its archive is not proved.
    await writeFile(at('2026-11-20/trades-okx-BTC-USDT.1000.csv'), '');
    expect(await archive.newest(STEM)).toBe(at('2026-11-20/trades-okx-BTC-USDT.1000.csv'));
    expect(await archive.newest(`${STEM}_USDT`)).toBe(at('2026-11-21/trades-okx-BTC-USDT_USDT.001.csv.gz'));
    expect(await archive.newest('trades-okx')).toBeNull();
  });
});

describe('the queue', () => {
  it('seals one file after the other, and tells how long the oldest has waited', async () => {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const archive = bench.create(nodeFileOps, {
      compress: async (job) => {
        begun.push(job.from);
        await new Promise<void>((resolve) => ends.push(resolve));
        return gzipFile(job);
      },
    });
    for (const name of ['a', 'b']) {
      await bench.live(csv(0, 1), `raw/${name}.csv`);
      await archive.take(`raw/${name}.csv`, DAY, 'rotation');
      bench.clock.advance(1_000);
    }
    await until(() => ends.length === 1);
    expect(archive.status()).toMatchObject({ waiting: 2, oldest_waiting_sec: 2 });
    ends[0]?.();
    await until(() => ends.length === 2);
    expect(begun.map((path) => path.slice(-9))).toEqual(['a.001.csv', 'b.001.csv']);
    expect(archive.status()).toMatchObject({ waiting: 1, sealed: 1, oldest_waiting_sec: 1 });
    ends[1]?.();
    await archive.settled();
    expect(bench.names()).toEqual(['a.001.csv.gz', 'b.001.csv.gz']);
  });

  it('lets the running one finish at the stop, begins no other, and leaves them to the next start', async () => {
    const ends: (() => void)[] = [];
    const archive = bench.create(nodeFileOps, {
      compress: async (job) => {
        await new Promise<void>((resolve) => ends.push(resolve));
        return gzipFile(job);
      },
    });
    for (const name of ['a', 'b']) {
      await bench.live(csv(0, 1), `raw/${name}.csv`);
      await archive.take(`raw/${name}.csv`, DAY, 'rotation');
    }
    await until(() => ends.length === 1);
    const closed = archive.close();
    ends[0]?.();
    await closed;
    await bench.live(csv(0, 1), 'raw/c.csv');
    await archive.take('raw/c.csv', DAY, 'rotation');
    await archive.settled();
    expect(bench.names()).toEqual(['a.001.csv.gz', 'b.001.csv', 'c.001.csv']);
    expect(bench.clock.pending()).toBe(0);
    const next = bench.create();
    expect(await next.recover()).toEqual(ok({ found: 2 }));
    await next.settled();
    expect(bench.names()).toEqual(['a.001.csv.gz', 'b.001.csv.gz', 'c.001.csv.gz']);
  });

  it('ends one that takes too long at the stop, which is no error', async () => {
    let isBegun = false;
    const archive = bench.create(nodeFileOps, {
      compress(_job, signal) {
        isBegun = true;
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(err(failure('aborted', 'ended'))));
        });
      },
    });
    await bench.live(csv(0, 1));
    await archive.take(LIVE, DAY, 'rotation');
    await until(() => isBegun);
    let isClosed = false;
    const closed = archive.close().then(() => {
      isClosed = true;
    });
    bench.clock.advance(2_999);
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    bench.clock.advance(1);
    await closed;
    expect(archive.status()).toMatchObject({ waiting: 1, errors: 0 });
    expect(bench.names()).toEqual([`${STEM}.001.csv`]);
    expect(bench.reports).toEqual([]);
  });
});

describe('the archive is readable by others', () => {
  it('one member, by gzip -t, and by readers that stop after the first', async () => {
    const archive = bench.create();
    const rows = csv(0, 20_000);
    await bench.live(rows);
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    const path = join(bench.root, FOLDER, `${STEM}.001.csv.gz`);
    const bytes = await readFile(path);
    expect(gunzipSync(bytes).toString()).toBe(rows);
    // A header of 10 bytes, one deflate stream, and a trailer of 8.
    const inflate = createInflateRaw();
    const texts: Buffer[] = [];
    inflate.on('data', (chunk: Buffer) => texts.push(chunk));
    inflate.end(bytes.subarray(10));
    await once(inflate, 'end');
    expect(Buffer.concat(texts).toString()).toBe(rows);
    expect(inflate.bytesWritten).toBe(bytes.length - 18);
    const tested = spawnSync('gzip', ['-t', path]);
    if (tested.error === undefined) expect(tested.status).toBe(0);
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}
