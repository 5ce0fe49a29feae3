import { mkdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import type { SafeWriter } from '../../src/io/safe-writer.ts';
import { opsWith, systemError } from '../support/files.ts';
import { FILE, type WriterBench, writerBench } from '../support/writer.ts';

const HEADER = 'exchange,symbol,timestamp,local_timestamp,n';
const DAY_1 = 1_795_219_200_000_000;
const DAY_2 = DAY_1 + 86_400_000_000;
const NAMES = new Map([
  [DAY_1, '2026-11-21'],
  [DAY_2, '2026-11-22'],
]);

let bench: WriterBench;
let sealed: string[];
let wanted: string[];
beforeEach(async () => {
  bench = await writerBench();
  sealed = [];
  wanted = [];
});
afterEach(() => bench.remove());

const row = (us: number, n: number): string => `okx,BTC/USDT,${us},${us},${n}\n`;
const text = (us: number, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => row(us, from + at)).join('');

function put(writer: SafeWriter, us: number, from: number, to: number, begins = false): void {
  const day = NAMES.get(us) ?? '';
  writer.append({
    file: FILE,
    header: HEADER,
    bytes: Buffer.from(text(us, from, to)),
    rows: to - from,
    day,
    begins,
  });
}

/** Moves the closed file to `<day>-<n>.csv`. */
async function seal(file: string, day: string): Promise<void> {
  const to = `${day}-${sealed.length + 1}.csv`;
  await rename(join(bench.root, file), join(bench.root, to));
  sealed.push(to);
}

const wantNewFile = (file: string, reason: string) => void wanted.push(`${file} ${reason}`);

describe('a file for each day of receipt', () => {
  it('is closed, fsynced and taken away before the rows of the next day are written', async () => {
    const writer = bench.create({ seal });
    put(writer, DAY_1, 0, 2);
    put(writer, DAY_2, 2, 3, true);
    put(writer, DAY_2, 3, 5);
    expect((await writer.close()).ok).toBe(true);
    expect(sealed).toEqual(['2026-11-21-1.csv']);
    expect(await bench.read('2026-11-21-1.csv')).toBe(`${HEADER}\n${text(DAY_1, 0, 2)}`);
    expect(await bench.read()).toBe(`${HEADER}\n${text(DAY_2, 2, 5)}`);
    expect(writer.status()).toMatchObject({ rows: 5, rows_lost: 0, queue_bytes: 0 });
  });

  it('after a start the day of what is there counts, told by its first row', async () => {
    const first = bench.create({ seal });
    put(first, DAY_1, 0, 1);
    await first.close();
    const second = bench.create({ seal });
    put(second, DAY_1, 1, 2);
    await second.flush();
    expect(sealed).toEqual([]);
    put(second, DAY_2, 2, 3);
    await second.close();
    expect(await bench.read('2026-11-21-1.csv')).toBe(`${HEADER}\n${text(DAY_1, 0, 2)}`);
    expect(await bench.read()).toBe(`${HEADER}\n${text(DAY_2, 2, 3)}`);
  });

  it('a clock that goes back a day begins another file, and no row changes its place', async () => {
    const writer = bench.create({ seal });
    for (const [n, us] of [DAY_2, DAY_1, DAY_2].entries()) put(writer, us, n, n + 1, n > 0);
    await writer.close();
    expect(sealed).toEqual(['2026-11-22-1.csv', '2026-11-21-2.csv']);
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_2, 2)}`);
  });

  it('that cannot be taken away keeps its name, and its next rows wait', async () => {
    let broken = true;
    const writer = bench.create({
      seal: (file, day) => (broken ? Promise.reject(systemError('EROFS')) : seal(file, day)),
    });
    put(writer, DAY_1, 0, 1);
    put(writer, DAY_2, 1, 2, true);
    expect((await writer.flush()).ok).toBe(false);
    expect([...writer.failing()]).toEqual([[FILE, 'EROFS: injected']]);
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_1, 0)}`);
    broken = false;
    expect((await writer.close()).ok).toBe(true);
    expect(await bench.read('2026-11-21-1.csv')).toBe(`${HEADER}\n${row(DAY_1, 0)}`);
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_2, 1)}`);
  });

  it('without a seal all rows stay in one file', async () => {
    const writer = bench.create();
    put(writer, DAY_1, 0, 1);
    put(writer, DAY_2, 1, 2, true);
    await writer.close();
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_1, 0)}${row(DAY_2, 1)}`);
  });
});

describe('a large file', () => {
  it('asks for a new one, again after a minute while none comes, and no more once it came', async () => {
    const writer = bench.create({ seal, wantNewFile, maxFileBytes: 100 });
    put(writer, DAY_1, 0, 1);
    await writer.flush();
    expect(wanted).toEqual([]);
    put(writer, DAY_1, 1, 3);
    put(writer, DAY_1, 3, 4);
    await writer.flush();
    put(writer, DAY_1, 4, 5);
    await writer.flush();
    expect(wanted).toEqual([`${FILE} size`]);
    bench.clock.advance(60_000);
    put(writer, DAY_1, 5, 6);
    await writer.flush();
    expect(wanted).toHaveLength(2);
    put(writer, DAY_1, 6, 7, true);
    await writer.close();
    expect(sealed).toEqual(['2026-11-21-1.csv']);
    expect(await bench.read('2026-11-21-1.csv')).toBe(`${HEADER}\n${text(DAY_1, 0, 6)}`);
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_1, 6)}`);
    expect(wanted).toHaveLength(2);
  });
});

describe('after a failed fsync', () => {
  /** A disk whose fsync of a file fails once, and then has lost what was written since the last good one. */
  function losing(state: { fail: boolean }) {
    const paths = new Map<number, string>();
    const sizes = new Map<string, number>();
    return opsWith({
      async open(path, flags) {
        const fd = await nodeFileOps.open(path, flags);
        paths.set(fd, flags === 'r' ? '' : path);
        return fd;
      },
      async sync(fd) {
        const path = paths.get(fd) ?? '';
        if (path === '') return nodeFileOps.sync(fd);
        if (state.fail) {
          state.fail = false;
          const kept = sizes.get(path) ?? 0;
          const size = await nodeFileOps.size(fd);
          // The pages are gone: zeros where the rows were.
          await nodeFileOps.write(fd, new Uint8Array(size - kept), 0, size - kept, kept);
          throw systemError('EIO');
        }
        await nodeFileOps.sync(fd);
        sizes.set(path, await nodeFileOps.size(fd));
      },
    });
  }

  it('what was written since the last good one is written again, once, and a new file is asked for', async () => {
    const state = { fail: false };
    const writer = bench.create({ ops: losing(state), seal, wantNewFile });
    put(writer, DAY_1, 0, 3);
    await writer.flush();
    state.fail = true;
    put(writer, DAY_1, 3, 6);
    expect(await writer.flush()).toMatchObject({ ok: false, error: { code: 'EIO' } });
    put(writer, DAY_1, 6, 7);
    expect((await writer.flush()).ok).toBe(true);
    expect(await bench.read()).toBe(`${HEADER}\n${text(DAY_1, 0, 7)}`);
    expect(wanted).toEqual([`${FILE} distrusted`]);
    expect(writer.status()).toMatchObject({ rows: 7, rows_lost: 0, failing_files: 0 });
    put(writer, DAY_1, 7, 8, true);
    await writer.close();
    expect(await bench.read('2026-11-21-1.csv')).toBe(`${HEADER}\n${text(DAY_1, 0, 7)}`);
    expect(bench.reports.map(({ reason }) => reason)).toEqual(['EIO', 'recovered']);
  });

  it('so too when it was the first, and while the file is being closed', async () => {
    const state = { fail: true };
    const writer = bench.create({ ops: losing(state), seal });
    put(writer, DAY_1, 0, 2);
    put(writer, DAY_2, 2, 3, true);
    expect((await writer.flush()).ok).toBe(false);
    expect(sealed).toEqual([]);
    expect((await writer.close()).ok).toBe(true);
    expect(await bench.read('2026-11-21-1.csv')).toBe(`${HEADER}\n${text(DAY_1, 0, 2)}`);
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_2, 2)}`);
  });

  it('a file that somebody removed is begun anew with what was not yet known to be on the disk', async () => {
    const writer = bench.create({ seal, wantNewFile });
    put(writer, DAY_1, 0, 2);
    await writer.flush();
    await unlink(join(bench.root, FILE));
    put(writer, DAY_1, 2, 4);
    expect(await writer.flush()).toMatchObject({ ok: false, error: { code: 'file_gone' } });
    expect((await writer.flush()).ok).toBe(true);
    expect(await bench.read()).toBe(`${HEADER}\n${text(DAY_1, 2, 4)}`);
    expect(wanted).toEqual([`${FILE} distrusted`]);
    await writer.close();
  });
});

describe('while nothing may be written', () => {
  it('rows wait, what was written is made safe, and a stop gives them up without taking the room', async () => {
    let open = true;
    const writer = bench.create({ mayWrite: () => open });
    put(writer, DAY_1, 0, 1);
    await bench.pass(100, () => writer.status().rows === 1);
    open = false;
    put(writer, DAY_1, 1, 3);
    await bench.pass(2_000, () => writer.status().fsync_lag_ms === 0);
    expect(writer.status()).toMatchObject({ rows: 1, fsync_lag_ms: 0 });
    expect(writer.waiting(FILE).map((bytes) => Buffer.from(bytes).toString())).toEqual([text(DAY_1, 1, 3)]);
    expect(await writer.close()).toMatchObject({ ok: false, error: { code: 'disk_full' } });
    expect(writer.status()).toMatchObject({ rows: 1, rows_lost: 2, queue_bytes: 0 });
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_1, 0)}`);
  });

  it('and go on when it may', async () => {
    let open = false;
    const writer = bench.create({ mayWrite: () => open });
    put(writer, DAY_1, 0, 1);
    await bench.pass(500);
    expect(writer.status()).toMatchObject({ rows: 0, open_files: 0 });
    open = true;
    await bench.pass(100, () => writer.status().rows === 1);
    await writer.close();
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_1, 0)}`);
  });
});

describe('a dying disk', () => {
  it('takes no more while its fsync fails, and a stop says what was lost', async () => {
    const disk = { left: 1_000_000, sync: true };
    const ops = opsWith({
      async write(fd, bytes, offset, length, position) {
        if (disk.left < length) throw systemError('ENOSPC');
        disk.left -= length;
        return nodeFileOps.write(fd, bytes, offset, length, position);
      },
      sync: (fd) => (disk.sync ? nodeFileOps.sync(fd) : Promise.reject(systemError('EIO'))),
    });
    const writer = bench.create({ ops, queueBytes: 10_000 });
    put(writer, DAY_1, 0, 10);
    await writer.flush();
    disk.sync = false;
    put(writer, DAY_1, 10, 20);
    expect((await writer.flush()).ok).toBe(false);
    const written = writer.status().rows;
    for (let at = 20; at < 60; at += 10) {
      put(writer, DAY_1, at, at + 10);
      await writer.flush();
    }
    expect(writer.status().rows).toBe(written);
    expect(writer.status().queue_bytes).toBeGreaterThan(0);
    disk.sync = true;
    disk.left = 0;
    await writer.close();
    const kept = (await bench.read()).split('\n').length - 2;
    expect(kept).toBe(10);
    expect(writer.status()).toMatchObject({ rows: 10, rows_lost: 50 });
  });

  it('whose folder of archives cannot be written goes on in the same file', async () => {
    const writer = bench.create({ seal: () => Promise.reject(systemError('EXDEV')) });
    put(writer, DAY_1, 0, 1);
    put(writer, DAY_2, 1, 2, true);
    put(writer, DAY_2, 2, 3);
    for (let tries = 0; tries < 3; tries++) await writer.flush();
    expect((await writer.flush()).ok).toBe(true);
    expect(await bench.read()).toBe(`${HEADER}\n${row(DAY_1, 0)}${text(DAY_2, 1, 3)}`);
    expect(bench.reports.map(({ reason }) => reason)).toEqual(['EXDEV', 'not_closed', 'recovered']);
    await writer.close();
  });
});

it('a folder in the place of the file is told, and nothing is lost', async () => {
  const writer = bench.create();
  await mkdir(join(bench.root, FILE), { recursive: true });
  put(writer, DAY_1, 0, 1);
  expect((await writer.flush()).ok).toBe(false);
  expect(writer.status().queue_bytes).toBeGreaterThan(0);
  await writer.close();
});
