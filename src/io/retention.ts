/** Old files go: by age, or until the disk has room. Oldest days first; never what is alive or not proved. */

import { type Failure, ok } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { ARCHIVE_FOLDER, isDay } from './archive-name.ts';
import { appendLine } from './atomic.ts';
import { attempt, closing, coded, type FileOps, type FileReport, pathUnder } from './file-ops.ts';
import { readManifest } from './manifest.ts';

export interface RetentionOptions {
  readonly dataDir: string;
  readonly nowUs: number;
  /** Files of a day that is more than this many days ago (UTC) go; null: none. */
  readonly maxAgeDays: number | null;
  /** While the disk has less room than this, files go; null: none. */
  readonly minFreeBytes: number | null;
  freeBytes(): Promise<number>;
  readonly report: (report: FileReport) => void;
  readonly ops: FileOps;
}

/** A line of `raw/archive/removed.jsonl`. */
export interface Removed {
  /** Relative to the data directory. */
  readonly file: string;
  /** Epoch seconds. */
  readonly ts: number;
  readonly reason: 'age' | 'disk';
}

export interface RetentionOutcome {
  readonly removed: readonly Removed[];
  /** What could not be removed, read or written down; the rest was done. */
  readonly failures: readonly Failure[];
}

/** Work of one call; what is left over goes with the next. */
const MAX_FILES = 500;
const DAY_US = 86_400_000_000;
const DOUBTFUL_US = 366 * DAY_US;

/** The files of one day, in one folder. */
interface DayFolder {
  readonly day: string;
  /** Relative to the data directory. */
  readonly path: string;
  readonly isArchive: boolean;
}

/**
 * Removes sealed archives (those that stand in the manifest) and captures of days before today. Each removal is
 * written down, durably, before it is done: a file that stands there nevertheless could not be removed, or a kill came
 * between, and it is tried and written down again. Folders of past days that became empty go too.
 */
export async function applyRetention(options: RetentionOptions): Promise<RetentionOutcome> {
  const { dataDir, nowUs, maxAgeDays, ops } = options;
  const removed: Removed[] = [];
  const failures: Failure[] = [];
  const today = dayAt(nowUs);
  const asked = options.minFreeBytes === null ? ok(0) : await attempt(options.freeBytes);
  if (!asked.ok) failures.push(asked.error);
  const minFreeBytes = asked.ok ? options.minFreeBytes : null;
  const firstFree = asked.ok ? asked.value : 0;
  let freed = 0;

  const done = await attempt(async () => {
    if (maxAgeDays === null && minFreeBytes === null) return;
    const folders = await dayFolders(dataDir, today, ops);
    const oldestKept = maxAgeDays === null ? '' : oldestOf(folders, maxAgeDays);
    for (const folder of folders) {
      const reason = folder.day < oldestKept ? 'age' : 'disk';
      if (reason === 'disk' && (await hasRoom())) return;
      for (const file of await removable(folder)) {
        if (removed.length + failures.length >= MAX_FILES) return;
        if (reason === 'disk' && (await hasRoom())) break;
        await remove({ file, ts: seconds(nowUs), reason });
      }
      const path = pathUnder(dataDir, folder.path);
      if (folder.day < today && (await ops.list(path)).length === 0) await ops.rmdir(path);
    }
  });
  return { removed, failures: done.ok ? failures : [...failures, done.error] };

  /** A clock that is more than a year past all that was recorded is doubted: it must not empty the disk. */
  function oldestOf(folders: readonly DayFolder[], days: number): string {
    const lastUs = Math.max(...folders.filter(({ day }) => day < today).map(({ day }) => dayUs(day)), 0);
    const isDoubtful = lastUs > 0 && nowUs - lastUs > DOUBTFUL_US;
    return dayAt((isDoubtful ? lastUs : nowUs) - days * DAY_US);
  }

  /** Some file systems give room back late: what this call freed counts as well, or it would go on to the last file. */
  async function hasRoom(): Promise<boolean> {
    if (minFreeBytes === null) return true;
    return Math.max(firstFree + freed, await options.freeBytes()) >= minFreeBytes;
  }

  async function removable({ path, isArchive }: DayFolder): Promise<readonly string[]> {
    const names = [...(await ops.list(pathUnder(dataDir, path)))].sort();
    if (!isArchive) return names.map((name) => `${path}/${name}`);
    const sealed = new Set<string>();
    const read = await readManifest(dataDir, ({ file }) => void sealed.add(file), { ops, about: `${path}/` });
    if (!read.ok) throw coded(read.error.code, read.error.message);
    // While the plain file stands, its archive is still being made or proved.
    const plain = new Set(names.filter((name) => name.endsWith('.csv')).map((name) => `${path}/${name}.gz`));
    return names.map((name) => `${path}/${name}`).filter((file) => sealed.has(file) && !plain.has(file));
  }

  async function remove(one: Removed): Promise<void> {
    const path = pathUnder(dataDir, one.file);
    const sized = await attempt(async () => closing(ops, await ops.open(path, 'r'), (fd) => ops.size(fd)));
    // Without its line nothing goes, so this ends the call.
    if (sized.ok) await writeDown(one);
    const gone = sized.ok ? await attempt(() => ops.unlink(path)) : sized;
    if (!gone.ok) {
      failures.push({ ...gone.error, message: `${one.file}: ${gone.error.message}` });
      return;
    }
    removed.push(one);
    freed += sized.ok ? sized.value : 0;
  }

  async function writeDown(one: Removed): Promise<void> {
    const ledger = pathUnder(dataDir, `${ARCHIVE_FOLDER}/removed.jsonl`);
    const clock = { wallUs: () => nowUs };
    const written = await appendLine(ledger, JSON.stringify(one), { clock, report: options.report, ops });
    if (!written.ok) throw coded(written.error.code, written.error.message);
  }
}

const dayUs = (day: string): number => Date.parse(`${day}T00:00:00Z`) * 1000;

function dayAt(us: number): string {
  return new Date(us / 1000).toISOString().slice(0, 10);
}

/** The oldest first. */
async function dayFolders(dataDir: string, today: string, ops: FileOps): Promise<readonly DayFolder[]> {
  const list = async (path: string): Promise<readonly string[]> => {
    const names = await attempt(() => ops.list(pathUnder(dataDir, path)));
    if (names.ok) return names.value;
    // Not there, or some other program's file among the folders.
    if (['ENOENT', 'ENOTDIR'].includes(names.error.code)) return [];
    throw coded(names.error.code, names.error.message);
  };

  const found: DayFolder[] = [];
  for (const day of (await list(ARCHIVE_FOLDER)).filter(isDay)) {
    found.push({ day, path: `${ARCHIVE_FOLDER}/${day}`, isArchive: true });
  }
  for (const venue of await list('capture')) {
    for (const feed of await list(`capture/${venue}`)) {
      for (const day of (await list(`capture/${venue}/${feed}`)).filter(isDay)) {
        if (day < today) found.push({ day, path: `capture/${venue}/${feed}/${day}`, isArchive: false });
      }
    }
  }
  const key = ({ day, path }: DayFolder): string => `${day} ${path}`;
  return found.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
