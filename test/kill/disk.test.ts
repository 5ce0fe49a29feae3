/** Disks that are full, read-only, or lose their power. */

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, type TestContext, test } from 'vitest';
import type { Run, Status } from '../support/collector.ts';
import { type Lives, type LivesOptions, missing, startLives, untilIn } from '../support/lives.ts';
import { type Disk, makeImage, mountImage, mountTmpfs, whyNoLoop, whyNoTmpfs } from '../support/mounts.ts';
import { factsOf, grownRows } from '../support/recorded.ts';

const KIB = 1024;
/** How long a disk stays full: some tries of every file fall into it. */
const OUTAGE_MS = 1_500;
/** Rows are to be on disk after a second; beyond that a busy machine. */
const LATE_SEC = 2.5;
/** Every try meets the full disk itself. */
const NO_RESERVE = { writer: { reserve_mb: 0 } };
/** Few rows, so that a small disk holds them. */
const symbols = { binance: ['BTC/USDT:USDT'], okx: ['BTC/USDT'], bitflyer: ['BTC/JPY'] };

interface Place {
  readonly root: string;
  /** Disks are unmounted, the newest first, and the folder is removed. */
  readonly disks: Disk[];
  /** Where the data folder is to be mounted. */
  readonly data: string;
  live(more?: Partial<LivesOptions>): Promise<Lives>;
}

function place({ onTestFinished }: TestContext): Place {
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-disk-'));
  const data = join(root, 'data');
  mkdirSync(data);
  const disks: Disk[] = [];
  let lives: Lives | null = null;
  onTestFinished(async () => {
    await lives?.close();
    for (const disk of disks.reverse()) disk.unmount();
    rmSync(root, { recursive: true });
  });
  const live = async (more: Partial<LivesOptions> = {}): Promise<Lives> => {
    lives = await startLives({ root, symbols, ...more });
    return lives;
  };
  return { root, disks, data, live };
}

const titleOf = (what: string, refused: string | null): string =>
  refused === null ? what : `${what} (skipped, mount is not permitted: ${refused})`;

async function flowing(own: Lives): Promise<Run> {
  const run = own.begin();
  await untilIn(run, 'it collects', () => existsSync(join(own.data, 'runtime/READY')));
  await untilIn(run, 'every file grows', own.isFlowing);
  return run;
}

/** True once the files of `raw/` have not changed for most of a second. */
function stoodStill({ data, targets }: Lives): () => boolean {
  let sizes = '';
  let since = performance.now();
  return () => {
    const now = targets.map(({ file }) => statSync(join(data, 'raw', file)).size).join();
    if (now !== sizes) {
      sizes = now;
      since = performance.now();
    }
    return performance.now() - since > 800;
  };
}

const alarmOf = ({ level, reasons }: Status): string => `${level}: ${reasons.join('; ')}`;
/** That so small a disk is nearly full is an alarm of its own. */
const ALARM = /^CRIT: .*(rows wait|ENOSPC|EROFS)/;

/** From here until `recovered` no row reaches the disk: the program lives, does not lie, and nothing is torn. */
async function outage(own: Lives, run: Run): Promise<void> {
  await untilIn(run, 'nothing more reaches the disk', stoodStill(own));
  const sinceSec = Date.now() / 1000;
  const endMs = performance.now() + OUTAGE_MS;
  await untilIn(run, 'the outage has lasted', () => {
    const status = own.status();
    // A status file that cannot be written is old, which says enough; one that is written must not say OK.
    if (status !== null && status.ts > sinceSec + 1) expect(alarmOf(status)).toMatch(ALARM);
    return performance.now() > endMs;
  });
  await untilIn(run, 'every file ends with a whole row', () =>
    own.targets.every(({ file }) => grownRows(own.data, file).tail === ''),
  );
  own.look();
}

/** There is room again: rows go on in every file. */
async function recovered(own: Lives, run: Run): Promise<void> {
  const sizes = own.targets.map(({ file }) => statSync(join(own.data, 'raw', file)).size);
  await untilIn(run, 'every file goes on', () =>
    own.targets.every(({ file }, at) => statSync(join(own.data, 'raw', file)).size > (sizes[at] ?? 0)),
  );
}

/** It was stopped in order, nothing is lost, and what happened is said. */
async function nothingLost(own: Lives): Promise<void> {
  expect(missing(await own.held())).toEqual([]);
  expect(own.status()?.writer).toMatchObject({ failing_files: 0, disk_hold: false, rows_lost: 0 });
  const facts = factsOf(own.data).map((fact) => JSON.stringify(fact));
  expect(facts.some((fact) => /"(recovered|disk_free)"/.test(fact))).toBe(true);
  // A ledger that had no room itself is silent of the worst; the status then remembers.
  expect([own.status()?.writer.last_error, ...facts].join()).toContain('ENOSPC');
}

const noTmpfs = whyNoTmpfs();
describe.skipIf(noTmpfs !== null).concurrent(titleOf('a small tmpfs', noTmpfs), () => {
  test('fills up by itself: the status goes on and says so, no row is lost, none is torn', async (context) => {
    const { disks, data, live } = place(context);
    const disk = mountTmpfs(data, 4_800);
    disks.push(disk);
    disk.fill(1_400 * KIB);
    const own = await live({ rate: 8, settings: { writer: { reserve_mb: 1 } } });
    const run = await flowing(own);
    await outage(own, run);
    const sinceSec = Date.now() / 1000;
    await untilIn(run, 'a fresh status tells', () => (own.status()?.ts ?? 0) > sinceSec);
    expect(alarmOf(run.status())).toMatch(/^CRIT: .*disk: full, rows wait/);
    disk.free();
    await recovered(own, run);
    const told = factsOf(own.data).filter(({ type }) => type === 'disk_full' || type === 'disk_free');
    expect(told.map(({ type }) => type)).toEqual(['disk_full', 'disk_free']);
    await own.end(run);
    await nothingLost(own);
  }, 120_000);

  test('is made read-only and writable again: no row is lost, and it is said afterwards', async (context) => {
    const { disks, data, live } = place(context);
    const disk = mountTmpfs(data, 2_400);
    disks.push(disk);
    // Without tickers there are no signals, whose file would stay open for writing: they are rare.
    const own = await live({ rate: 8, feeds: ['trades', 'orderbook'], settings: NO_RESERVE });
    const run = await flowing(own);
    // Files that failed are closed; only then the system allows it.
    disk.fill(0);
    await disk.remount('ro');
    await outage(own, run);
    await disk.remount('rw');
    disk.free();
    await recovered(own, run);
    await own.end(run);
    await nothingLost(own);
  }, 120_000);
});

const noLoop = whyNoLoop();
describe.skipIf(noLoop !== null).concurrent(titleOf('a small ext4', noLoop), () => {
  /** Its image is in memory, so that an fsync does not wait for this machine's own disk. */
  function ext4({ root, disks, data }: Place, mib: number, options = ''): { disk: Disk; image: string } {
    const memory = join(root, 'memory');
    mkdirSync(memory);
    disks.push(mountTmpfs(memory, 3 * mib * KIB));
    const image = join(memory, 'disk.img');
    makeImage(image, mib);
    const disk = mountImage(image, data, options);
    disks.push(disk);
    return { disk, image };
  }

  test('is filled up to 44, 52 and 60 KiB, and killed while it is full: the next start goes on', async (context) => {
    const at = place(context);
    const { disk } = ext4(at, 12);
    const own = await at.live({ rate: 8, settings: NO_RESERVE });
    const run = await flowing(own);
    for (const left of [44, 52]) {
      disk.fill(left * KIB);
      await outage(own, run);
      disk.free();
      await recovered(own, run);
    }
    disk.fill(60 * KIB);
    await outage(own, run);
    await own.kill(run);
    // Every row that waited for room is lost with the process, and none that was in a file.
    const refused = own.begin();
    expect(await refused.exit).toBe(74);
    expect(refused.errors).toEqual([expect.stringContaining('ENOSPC')]);
    own.look();
    disk.free();
    await own.end(own.begin());
    expect(missing(await own.held())).toEqual([]);
  }, 120_000);

  test('loses its power, twice: what was due on disk is there, nothing is torn, the next start goes on', async (context) => {
    // Only what is fsynced reaches the disk: the system itself would write after 5 s, and earlier on a rename.
    const options = 'commit=300,noauto_da_alloc';
    const at = place(context);
    let { disk, image } = ext4(at, 24, options);
    const own = await at.live();
    for (let cut = 1; cut <= 2; cut++) {
      const run = await flowing(own);
      await sleep(LATE_SEC * 1000 + 500);
      // Held, so that the copy is of one moment. (A call to the disk that is under way still ends.)
      run.process.kill('SIGSTOP');
      const cutSec = Date.now() / 1000;
      await sleep(100);
      const copy = join(at.root, `memory/cut-${cut}.img`);
      copyFileSync(image, copy);
      run.process.kill('SIGKILL');
      await run.exit;
      disk.unmount();
      rmSync(image);
      image = copy;
      disk = mountImage(image, own.data, options);
      at.disks.push(disk);
      own.look();
      for (const [{ file }, conns] of await own.held()) {
        const last = conns.at(-1);
        const lost = last?.sent.slice(last.recorded).filter((line) => line.ts < cutSec - LATE_SEC);
        expect([file, last?.recorded !== 0, lost?.length]).toEqual([file, true, 0]);
      }
    }
    await own.end(own.begin());
    expect(missing(await own.held())).toEqual([]);
  }, 120_000);
});
