/** The next number of a stem within a day. A number is never used again, also when its archive was taken elsewhere. */

import { dirname } from 'node:path';
import { ARCHIVE_FOLDER, archiveName, parseArchiveName } from './archive-name.ts';
import { coded, type FileOps, makeFolder, pathUnder, syncFolder } from './file-ops.ts';
import { readManifest } from './manifest.ts';

/** Files come from today and, around midnight or after a pause, from the days before. */
const DAYS_KEPT = 4;

export interface ArchiveNumbers {
  /**
   * Takes the next number and gives the plain file's name relative to the data directory; its folder is there, and
   * durable. Rejects with the system's error.
   */
  next(day: string, stem: string): Promise<string>;
}

export function createArchiveNumbers(dataDir: string, ops: FileOps): ArchiveNumbers {
  /** By day, the highest number of each stem. */
  const days = new Map<string, Promise<Map<string, number>>>();

  async function load(day: string): Promise<Map<string, number>> {
    const folder = pathUnder(dataDir, `${ARCHIVE_FOLDER}/${day}`);
    await makeFolder(ops, folder);
    // Whoever made the folders may have been killed before their names were on the disk.
    await syncFolder(ops, dirname(folder));
    await syncFolder(ops, dirname(dirname(folder)));

    const highest = new Map<string, number>();
    const see = (name: string): void => {
      const parsed = parseArchiveName(name);
      if (parsed === null) return;
      highest.set(parsed.stem, Math.max(parsed.number, highest.get(parsed.stem) ?? 0));
    };
    for (const name of await ops.list(folder)) see(name);
    const prefix = `${ARCHIVE_FOLDER}/${day}/`;
    const read = await readManifest(
      dataDir,
      ({ file }) => {
        if (file.startsWith(prefix)) see(file.slice(prefix.length));
      },
      { ops, about: prefix },
    );
    if (!read.ok) throw coded(read.error.code, read.error.message);
    return highest;
  }

  function loaded(day: string): Promise<Map<string, number>> {
    const known = days.get(day);
    if (known) return known;
    const loading = load(day);
    days.set(day, loading);
    loading.catch(() => days.delete(day));
    for (const old of days.keys()) {
      if (days.size <= DAYS_KEPT) break;
      days.delete(old);
    }
    return loading;
  }

  return {
    async next(day, stem) {
      const highest = await loaded(day);
      const number = (highest.get(stem) ?? 0) + 1;
      highest.set(stem, number);
      return `${ARCHIVE_FOLDER}/${day}/${archiveName(stem, number)}`;
    },
  };
}
