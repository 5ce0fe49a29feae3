/** Kills at every step, and disks that misbehave: the rows stand exactly once, and the plain file goes last. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Archive } from '../../src/io/archive.ts';
import { attempt, type FileOps, nodeFileOps } from '../../src/io/file-ops.ts';
import {
  type ArchiveBench,
  archiveBench,
  csv,
  DAY,
  dyingAfter,
  HEADER,
  LIVE,
  opsThrough,
  STEM,
} from '../support/archive.ts';
import { opsWith, shortWrites, systemError, withBudget } from '../support/files.ts';

let bench: ArchiveBench;
beforeEach(async () => {
  bench = await archiveBench();
});
afterEach(() => bench.remove());

const FOLDER = `raw/archive/${DAY}`;
const PLAIN = `${STEM}.001.csv`;

/** As the caller does it: what is left is lined up, and a live file that still stands is handed over. */
async function start(archive: Archive, place: ArchiveBench, day = DAY): Promise<void> {
  await archive.recover();
  if (existsSync(join(place.root, LIVE))) await attempt(() => archive.take(LIVE, day, 'recovery'));
  await archive.settled();
}

/** Runs on a place of its own and removes it. */
async function within(job: (place: ArchiveBench) => Promise<void>): Promise<void> {
  const place = await archiveBench();
  await job(place);
  await place.remove();
}

function expectWhole(place: ArchiveBench, rows: number, hint: string): void {
  expect(place.contents(), hint).toEqual({ [PLAIN]: csv(0, rows) });
  expect(place.names(), hint).toEqual([`${PLAIN}.gz`]);
  expect(
    place.manifest().map((entry) => [entry.file, entry.rows]),
    hint,
  ).toEqual([[`${FOLDER}/${PLAIN}.gz`, rows]]);
}

describe('a kill', () => {
  it('at any operation is completed at the next start', async () => {
    await bench.live(csv(0, 3));
    const whole = dyingAfter(Number.POSITIVE_INFINITY);
    await start(bench.create(whole.ops), bench);
    expectWhole(bench, 3, 'no kill');
    expect(whole.calls.length).toBeGreaterThan(40);

    const sealedBy = new Set<string | undefined>();
    for (let at = 0; at <= whole.calls.length; at++) {
      await within(async (place) => {
        await place.live(csv(0, 3));
        const dying = place.create(dyingAfter(at).ops);
        await attempt(() => dying.take(LIVE, DAY, 'rotation'));
        await dying.settled();
        // At any moment the rows are whole in one place at least.
        expect(Object.values(place.contents()), `killed after ${at}`).toEqual([csv(0, 3)]);
        const archive = place.create();
        await start(archive, place);
        expectWhole(place, 3, `killed after ${at}`);
        expect(archive.status()).toMatchObject({ waiting: 0, errors: 0 });
        sealedBy.add(place.manifest()[0]?.sealed_by);
      });
    }
    expect(sealedBy).toEqual(new Set(['rotation', 'recovery']));
  });

  it('at any operation of the start that mends is mended by the one after', async () => {
    await bench.live(csv(0, 3));
    const whole = dyingAfter(Number.POSITIVE_INFINITY);
    const archive = bench.create(whole.ops);
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    // The first life ends with: a closed file, half a temp, an archive that is not listed, one that is, all but gone.
    const closed = whole.calls.indexOf('rename') + 1;
    const temp = whole.calls.indexOf('write') + 1;
    const made = whole.calls.lastIndexOf('rename') + 1;
    const listed = whole.calls.lastIndexOf('unlink');
    for (const first of [closed, temp, made, listed, listed + 1]) {
      for (let second = 0; second < 50; second += 3) {
        await within(async (place) => {
          await place.live(csv(0, 3));
          const dying = place.create(dyingAfter(first).ops);
          await attempt(() => dying.take(LIVE, DAY, 'rotation'));
          await dying.settled();
          await start(place.create(dyingAfter(second).ops), place);
          expect(Object.values(place.contents())).toEqual([csv(0, 3)]);
          await start(place.create(), place);
          expectWhole(place, 3, `killed after ${first}, then after ${second}`);
        });
      }
    }
  });
});

describe('a take that fails', () => {
  it.each([
    ['rows', csv(0, 3)],
    ['no rows', `${HEADER}\n`],
  ])('at any operation can be called again (%s)', async (_, text) => {
    await bench.live(text);
    const whole = dyingAfter(Number.POSITIVE_INFINITY);
    const held = bench.create(whole.ops);
    await held.close();
    await held.take(LIVE, DAY, 'rotation');
    for (let at = 1; at <= whole.calls.length; at++) {
      for (const effect of ['before', 'behind']) {
        await within(async (place) => {
          await place.live(text);
          const archive = place.create(failingOnce(at, effect === 'behind'));
          await attempt(() => archive.take(LIVE, DAY, 'rotation'));
          const again = await attempt(() => archive.take(LIVE, DAY, 'rotation'));
          const hint = `failed ${effect} ${at}`;
          // Where nothing had failed for the caller there is nothing more to take.
          if (!again.ok) expect(again.error.code, hint).toBe('ENOENT');
          await archive.settled();
          if (text === `${HEADER}\n`) expect(place.contents(), hint).toEqual({});
          else expectWhole(place, 3, hint);
        });
      }
    }
  });

  it('goes on with the old file and takes the new one that the caller has begun meanwhile', async () => {
    let failing = true;
    const ops = opsWith({
      rename: async (from, to) => {
        await nodeFileOps.rename(from, to);
        if (failing) throw systemError('EIO');
      },
    });
    const archive = bench.create(ops);
    await bench.live(csv(0, 3));
    await expect(archive.take(LIVE, DAY, 'rotation')).rejects.toMatchObject({ code: 'EIO' });
    failing = false;
    await bench.live(csv(3, 4));
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    expect(bench.contents()).toEqual({ [PLAIN]: csv(0, 3), [`${STEM}.002.csv`]: csv(3, 4) });
    expect(bench.manifest()).toHaveLength(2);
  });

  it('uses no number twice and leaves none out while the rename fails', async () => {
    let failing = true;
    const archive = bench.create(
      opsWith({
        rename: (from, to) =>
          failing ? Promise.reject(systemError('EACCES')) : nodeFileOps.rename(from, to),
      }),
    );
    await bench.live(csv(0, 3));
    for (let tries = 0; tries < 5; tries++) {
      await expect(archive.take(LIVE, DAY, 'rotation')).rejects.toMatchObject({ code: 'EACCES' });
    }
    failing = false;
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    expectWhole(bench, 3, '');
  });
});

describe('a disk that misbehaves', () => {
  it('writes short: the archive is whole all the same', async () => {
    await bench.live(csv(0, 500));
    const archive = bench.create(shortWrites(7));
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    expectWhole(bench, 500, '');
  });

  it('is full at any byte: the plain file stays, no temp is left, and it is done when there is room', async () => {
    const bytes = await sizeNeeded();
    for (let left = 0; left < bytes; left += 11) {
      await within(async (place) => {
        await place.live(csv(0, 30));
        const budget = { left };
        const archive = place.create(withBudget(budget));
        await archive.take(LIVE, DAY, 'rotation');
        await archive.settled();
        expect(place.names().filter((name) => !name.endsWith('.gz'))).toEqual([PLAIN]);
        expect(archive.status()).toMatchObject({ waiting: 1, sealed: 0, errors: 1 });
        budget.left = 100_000;
        place.clock.advance(1_000);
        await archive.settled();
        expectWhole(place, 30, `full after ${left} bytes`);
        expect(place.reports.map(({ reason, scope }) => [reason, scope])).toEqual([
          ['ENOSPC', `${FOLDER}/${PLAIN}`],
          ['recovered', `${FOLDER}/${PLAIN}`],
        ]);
      });
    }
  });

  it('fails an fsync, at each: it is done again, with one line in the manifest', async () => {
    for (let at = 1; at <= 8; at++) {
      await within(async (place) => {
        await place.live(csv(0, 3));
        const held = place.create();
        await held.close();
        await held.take(LIVE, DAY, 'rotation');
        let syncs = 0;
        let isAsked = false;
        const archive = place.create(
          opsWith({
            sync: (fd) => {
              syncs += 1;
              isAsked ||= syncs === at;
              return syncs === at ? Promise.reject(systemError('EIO')) : nodeFileOps.sync(fd);
            },
          }),
        );
        await archive.recover();
        await archive.settled();
        expect(archive.status().errors).toBe(isAsked ? 1 : 0);
        place.clock.advance(1_000);
        await archive.settled();
        expectWhole(place, 3, `fsync ${at}`);
        expect(archive.status()).toMatchObject({ waiting: 0, sealed: 1 });
      });
    }
  });

  it('changes a byte: the read-back finds it, wherever it is, and the plain file stays', async () => {
    await bench.live(csv(0, 200));
    const archive = bench.create();
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    const size = bench.manifest()[0]?.bytes ?? 0;
    for (let at = 0; at < size; at += 37) {
      await within(async (place) => {
        await place.live(csv(0, 200));
        let isBad = true;
        const flipping = place.create(flippingByte(at, () => isBad));
        await flipping.take(LIVE, DAY, 'rotation');
        await flipping.settled();
        expect(place.names(), `byte ${at}`).toEqual([PLAIN]);
        expect(place.manifest()).toEqual([]);
        expect(flipping.status()).toMatchObject({ waiting: 1, errors: 1 });
        expect(place.reports).toMatchObject([{ type: 'error', reason: 'not_proved' }]);
        isBad = false;
        place.clock.advance(1_000);
        await flipping.settled();
        expectWhole(place, 200, `byte ${at}`);
      });
    }
  });

  it('cannot be read back: that says nothing of the archive, and is told as it is', async () => {
    await bench.live(csv(0, 3));
    const temps = new Set<number>();
    const archive = bench.create(
      opsWith({
        open: async (path, flags) => {
          const fd = await nodeFileOps.open(path, flags);
          if (path.endsWith('.tmp') && flags === 'r') temps.add(fd);
          return fd;
        },
        read: (fd, into, position) =>
          temps.has(fd) ? Promise.reject(systemError('EIO')) : nodeFileOps.read(fd, into, position),
      }),
    );
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    expect(bench.reports).toMatchObject([{ reason: 'EIO' }]);
    expect(bench.names()).toEqual([PLAIN]);
  });

  it('is tried again with growing delays up to 5 min, reported once a streak, and holds up no other file', async () => {
    const triesAt: number[] = [];
    let broken = true;
    const archive = bench.create(
      opsWith({
        open: (path, flags) => {
          if (broken && path.endsWith(PLAIN)) {
            triesAt.push(bench.clock.monoMs() / 1_000);
            return Promise.reject(systemError('EACCES'));
          }
          return nodeFileOps.open(path, flags);
        },
      }),
    );
    await bench.live(csv(0, 3));
    await archive.take(LIVE, DAY, 'rotation');
    await bench.live(csv(0, 1), 'raw/other.csv');
    await archive.take('raw/other.csv', DAY, 'rotation');
    await archive.settled();
    expect(bench.names()).toEqual(['other.001.csv.gz', PLAIN]);
    for (let second = 1; second <= 1_200; second++) {
      bench.clock.advance(1_000);
      await archive.settled();
    }
    expect(triesAt).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1_111]);
    expect(bench.reports.map(({ reason }) => reason)).toEqual(['EACCES']);
    expect(archive.status()).toMatchObject({ errors: 12, waiting: 1, oldest_waiting_sec: 1_200 });
    expect(archive.status().last_error).toContain(PLAIN);
    broken = false;
    bench.clock.advance(300_000);
    await archive.settled();
    expect(bench.names()).toEqual(['other.001.csv.gz', `${PLAIN}.gz`]);
    expect(bench.reports[1]).toMatchObject({ type: 'repair', reason: 'recovered' });
  });

  it('closes every descriptor, whatever fails', async () => {
    let open = 0;
    for (let at = 1; at <= 60; at++) {
      await within(async (place) => {
        await place.live(csv(0, 3));
        const failing = failingOnce(at, false);
        const archive = place.create({
          ...failing,
          open: async (path, flags) => {
            const fd = await failing.open(path, flags);
            open += 1;
            return fd;
          },
          close: async (fd) => {
            open -= 1;
            await nodeFileOps.close(fd);
          },
        });
        await attempt(() => archive.take(LIVE, DAY, 'rotation'));
        await archive.settled();
      });
    }
    expect(open).toBe(0);
  });

  async function sizeNeeded(): Promise<number> {
    const budget = { left: 100_000 };
    await bench.live(csv(0, 30));
    const archive = bench.create(withBudget(budget));
    await archive.take(LIVE, DAY, 'rotation');
    await archive.settled();
    return 100_000 - budget.left;
  }
});

/** The real disk, but one operation fails: before it had its effect, or with it done. */
function failingOnce(at: number, isDone: boolean): FileOps {
  return opsThrough(async (number, run) => {
    if (number !== at) return run();
    if (isDone) await run();
    throw systemError('EIO');
  }).ops;
}

/** One byte of what is written to a temp file changes on its way to the disk. */
function flippingByte(at: number, isBad: () => boolean): FileOps {
  const temps = new Set<number>();
  return opsWith({
    open: async (path, flags) => {
      const fd = await nodeFileOps.open(path, flags);
      if (path.endsWith('.tmp')) temps.add(fd);
      else temps.delete(fd);
      return fd;
    },
    write: (fd, bytes, offset, length, position) => {
      const place = at - position;
      if (!isBad() || !temps.has(fd) || place < 0 || place >= length) {
        return nodeFileOps.write(fd, bytes, offset, length, position);
      }
      const changed = Buffer.from(bytes.subarray(offset, offset + length));
      changed[place] = (changed[place] ?? 0) ^ 1;
      return nodeFileOps.write(fd, changed, 0, length, position);
    },
  });
}
