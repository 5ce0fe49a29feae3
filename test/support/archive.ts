/** An archive on a real folder, live files to put into it, and what stands there afterwards. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Archive, type ArchiveOptions, createArchive } from '../../src/io/archive.ts';
import { type FileOps, type FileReport, nodeFileOps } from '../../src/io/file-ops.ts';
import { gzipFile } from '../../src/io/gzip-file.ts';
import type { ManifestEntry } from '../../src/io/manifest.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { removeFolder, systemError, tempFolder } from './files.ts';

export const HEADER = 'exchange,symbol,timestamp,local_timestamp,id';
export const STEM = 'trades-okx-BTC-USDT';
export const LIVE = `raw/${STEM}.csv`;
export const DAY = '2026-11-20';
/** 2026-11-20T00:00:00Z */
export const DAY_US = 1_795_132_800_000_000;

/** Rows `from` up to `to`, a second apart. */
export function csvRows(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, at) => {
    const us = DAY_US + (from + at) * 1_000_000;
    return `okx,BTC/USDT,${us - 5},${us},${from + at}\n`;
  }).join('');
}

export const csv = (from: number, to: number): string => `${HEADER}\n${csvRows(from, to)}`;

export interface ArchiveBench {
  readonly root: string;
  readonly clock: ManualClock;
  readonly reports: FileReport[];
  /** Its compressing is done here, on the same disk. */
  create(ops?: FileOps, options?: Partial<ArchiveOptions>): Archive;
  live(text: string, file?: string): Promise<void>;
  /** Names in a folder under the root, sorted; none where it is missing. */
  names(folder?: string): readonly string[];
  text(file: string): string;
  manifest(): readonly ManifestEntry[];
  /** The rows of every file, live, closed and sealed, by its name without `.gz`. Fails on two forms that differ. */
  contents(): Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

export async function archiveBench(): Promise<ArchiveBench> {
  const root = await tempFolder();
  const clock = manualClock();
  const reports: FileReport[] = [];
  await mkdir(join(root, 'raw'));
  const names = (folder = `raw/archive/${DAY}`): readonly string[] => {
    const path = join(root, folder);
    return existsSync(path) ? readdirSync(path).sort() : [];
  };
  const text = (file: string): string => readFileSync(join(root, file), 'utf8');
  return {
    root,
    clock,
    reports,
    create: (ops = nodeFileOps, options = {}) =>
      createArchive({
        dataDir: root,
        clock,
        ops,
        report: (report) => void reports.push(report),
        compress: (job) => gzipFile(job, ops),
        ...options,
      }),
    live: (rows, file = LIVE) => writeFile(join(root, file), rows),
    names,
    text,
    manifest: () =>
      existsSync(join(root, 'raw/archive/manifest.jsonl'))
        ? text('raw/archive/manifest.jsonl')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as ManifestEntry)
        : [],
    contents() {
      const found: Record<string, string> = {};
      const put = (name: string, rows: string): void => {
        if (found[name] !== undefined && found[name] !== rows) throw new Error(`two forms of ${name} differ`);
        found[name] = rows;
      };
      for (const name of names('raw')) if (name.endsWith('.csv')) put(name, text(`raw/${name}`));
      for (const name of names()) {
        const path = join(root, 'raw/archive', DAY, name);
        if (name.endsWith('.csv')) put(name, readFileSync(path, 'utf8'));
        if (name.endsWith('.csv.gz')) put(name.slice(0, -3), gunzipSync(readFileSync(path)).toString());
      }
      return found;
    },
    remove: () => removeFolder(root),
  };
}

export interface Counted {
  readonly ops: FileOps;
  /** Names of the operations that were asked for, in order. */
  readonly calls: readonly (keyof FileOps)[];
}

/** The real disk; each operation goes through `around`, which is told its number, from 1. */
export function opsThrough(around: <T>(number: number, run: () => Promise<T>) => Promise<T>): Counted {
  const calls: (keyof FileOps)[] = [];
  const through = <A extends readonly unknown[], T>(
    name: keyof FileOps,
    run: (...args: A) => Promise<T>,
  ): ((...args: A) => Promise<T>) => {
    return (...args) => around(calls.push(name), () => run(...args));
  };
  const {
    open,
    write,
    read,
    sync,
    size,
    links,
    truncate,
    setRights,
    close,
    rename,
    unlink,
    mkdir,
    rmdir,
    list,
  } = nodeFileOps;
  const ops: FileOps = {
    platform: nodeFileOps.platform,
    open: through('open', open),
    write: through('write', write),
    read: through('read', read),
    sync: through('sync', sync),
    size: through('size', size),
    links: through('links', links),
    truncate: through('truncate', truncate),
    setRights: through('setRights', setRights),
    // A descriptor is closed in any case, as that of a dead process is.
    close: async (fd) => {
      await close(fd);
      await through('close', async () => undefined)();
    },
    rename: through('rename', rename),
    unlink: through('unlink', unlink),
    mkdir: through('mkdir', mkdir),
    rmdir: through('rmdir', rmdir),
    list: through('list', list),
  };
  return { ops, calls };
}

/** The real disk for `after` operations; then every one fails, for ever. A write that is the last is cut in half. */
export function dyingAfter(after: number): Counted {
  const counted = opsThrough((number, run) =>
    number > after ? Promise.reject(systemError('EKILLED')) : run(),
  );
  const { ops, calls } = counted;
  const write: FileOps['write'] = (fd, bytes, offset, length, position) => {
    const isLast = calls.length + 1 === after;
    return ops.write(fd, bytes, offset, isLast ? Math.ceil(length / 2) : length, position);
  };
  return { ops: { ...ops, write }, calls };
}
