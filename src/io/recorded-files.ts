/** What was recorded, as it lies in a data directory: each stem's parts in order of receipt, captures, files set aside. */

import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { type JsonLinesRead, readJsonLines } from './json-lines.ts';
import { type ManifestEntry, manifestEntry } from './manifest.ts';

/** A line of `raw/archive/removed.jsonl`. */
const removal = z.object({ file: z.string(), ts: z.number(), reason: z.string() });

export type Removal = z.infer<typeof removal>;

export interface PartFile {
  /** Relative to the data directory, forward slashes. */
  readonly file: string;
  /**
   * `live`; `archived`; `unsealed`: closed and not compressed yet, or its archive is not proved yet; `missing`: the
   * manifest names it and nothing stands there; `removed`: nothing stands there, and `removed.jsonl` says why.
   */
  readonly state: 'live' | 'archived' | 'unsealed' | 'missing' | 'removed';
  readonly bytes: number;
  /** Tells a file from another of its name. */
  readonly ino: number;
  /** Why it cannot be read, where its folder tells already: a link to nothing. */
  readonly unreadable: string | null;
  /** Of an archive, what the manifest says. */
  readonly entry: ManifestEntry | null;
  readonly removal: Removal | null;
}

export interface FoundFile {
  readonly file: string;
  readonly bytes: number;
  readonly unreadable: string | null;
}

export interface RecordedFiles {
  /** Whether there is a `raw/` at all, and what its amounts mean. */
  readonly hasRaw: boolean;
  readonly hasInstruments: boolean;
  /** By stem (a live file's name without `.csv`), sorted; parts in order of receipt. */
  readonly chains: ReadonlyMap<string, readonly PartFile[]>;
  readonly captures: readonly FoundFile[];
  /** Those that `removed.jsonl` names and that are not there. */
  readonly removedCaptures: readonly string[];
  /** Torn tails and files with other columns, as the collector set them aside. */
  readonly aside: readonly FoundFile[];
  /** What is none of ours. */
  readonly strange: readonly FoundFile[];
  /** Null where there is no such file. */
  readonly manifest: JsonLinesRead | null;
  readonly removed: JsonLinesRead | null;
}

const ASIDE = /\.torn-|\.columns-/;
const CAPTURES = /\.jsonl(\.gz)?$/;
const ARCHIVE = 'raw/archive';
const NOT_ROWS = ['instruments.json', 'archive'];
const LEDGERS = ['manifest.jsonl', 'removed.jsonl'];

/** `isLive`: whether a live file has this name. Fails with `ENOENT` where nothing was ever recorded. */
export async function findRecorded(
  dataDir: string,
  isLive: (name: string) => boolean,
): Promise<Result<RecordedFiles>> {
  try {
    // The files before the ledgers that tell of them: what is sealed or removed meanwhile is told too.
    const raw = await list(dataDir, 'raw');
    const days = await list(dataDir, ARCHIVE);
    const capture = await list(dataDir, 'capture', true);
    const told = await list(dataDir, 'collector');
    if (raw === null && capture === null && told === null)
      return err(
        failure(
          'ENOENT',
          `${dataDir} holds no raw/, capture/ or collector/: nothing was recorded there (simulated data is in ${dataDir}/sim)`,
        ),
      );
    const sorted = sortOut(raw ?? [], days ?? [], isLive);
    for (const day of days ?? []) {
      if (!isDay(day.file)) continue;
      const names = (await list(dataDir, day.file)) ?? [];
      sortOutDay(names, isLive, sorted);
    }
    const entries = new Map<string, { readonly order: number; readonly entry: ManifestEntry }>();
    const manifest = await readLedger(dataDir, 'manifest.jsonl', manifestEntry, (entry, number) => {
      // Sealed again after a kill: its place is the first one's, its word the last one's.
      entries.set(entry.file, { order: entries.get(entry.file)?.order ?? number, entry });
    });
    const removals = new Map<string, Removal>();
    const removed = await readLedger(dataDir, 'removed.jsonl', removal, (one) => {
      removals.set(one.file, one);
    });
    const chains = chainsOf(sorted, entries, removals);
    const captures = (capture ?? []).filter(({ file }) => CAPTURES.test(file));
    const there = new Set(captures.map(({ file }) => file));
    const removedCaptures = [...removals.keys()].filter((file) => CAPTURES.test(file) && !there.has(file));
    const { aside, strange } = sorted;
    const hasInstruments = raw?.some(({ file }) => file === 'raw/instruments.json') ?? false;
    return ok({
      hasRaw: raw !== null,
      hasInstruments,
      chains,
      captures,
      removedCaptures,
      aside,
      strange,
      manifest,
      removed,
    });
  } catch (thrown) {
    return err(failureOf(thrown));
  }
}

interface Listed extends FoundFile {
  readonly ino: number;
}

interface Sorted {
  readonly live: Listed[];
  /** Closed files, plain or compressed. */
  readonly closed: Listed[];
  readonly aside: FoundFile[];
  readonly strange: FoundFile[];
}

const nameOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1);
const isDay = (file: string): boolean => /\/\d{4}-\d{2}-\d{2}$/.test(file);

/** Null where there is no such folder. Hidden names are files that are being made. */
async function list(dataDir: string, folder: string, below = false): Promise<readonly Listed[] | null> {
  try {
    const names = await readdir(join(dataDir, folder), { recursive: below, encoding: 'utf8' });
    const shown = names.filter((name) => !/(^|[\\/])\./.test(name)).sort();
    const found: Listed[] = [];
    for (const name of shown) {
      const file = `${folder}/${name.replaceAll('\\', '/')}`;
      const one = await look(join(dataDir, file));
      if (one !== null) found.push({ file, ...one });
    }
    return found;
  } catch (thrown) {
    return ifGone(thrown);
  }
}

/** Null where it was removed meanwhile. */
async function look(path: string): Promise<Omit<Listed, 'file'> | null> {
  try {
    const stats = await stat(path);
    // To open a pipe would wait for ever.
    const unreadable = stats.isFile() || stats.isDirectory() ? null : `${path} is no file`;
    return { bytes: stats.isFile() ? stats.size : 0, ino: stats.ino, unreadable };
  } catch (thrown) {
    const link = await lstat(path).catch(ifGone);
    if (link?.isSymbolicLink() !== true) return ifGone(thrown);
    return { bytes: 0, ino: link.ino, unreadable: failureOf(thrown).message };
  }
}

function ifGone(thrown: unknown): null {
  if (['ENOENT', 'ENOTDIR'].includes(failureOf(thrown).code)) return null;
  throw thrown;
}

async function readLedger<T>(
  dataDir: string,
  name: string,
  schema: z.ZodType<T>,
  visit: (entry: T, number: number) => void,
): Promise<JsonLinesRead | null> {
  const read = await readJsonLines(join(dataDir, ARCHIVE, name), (value, number) => {
    const entry = schema.safeParse(value);
    if (entry.success) visit(entry.data, number);
    return entry.success;
  });
  if (!read.ok) throw Object.assign(new Error(read.error.message), { code: read.error.code });
  return read.value;
}

function sortOut(
  raw: readonly Listed[],
  archive: readonly Listed[],
  isLive: (name: string) => boolean,
): Sorted {
  const sorted: Sorted = { live: [], closed: [], aside: [], strange: [] };
  for (const one of raw) {
    const name = nameOf(one.file);
    if (NOT_ROWS.includes(name)) continue;
    if (ASIDE.test(name)) sorted.aside.push(one);
    else if (isLive(name)) sorted.live.push(one);
    else sorted.strange.push(one);
  }
  for (const one of archive) {
    const name = nameOf(one.file);
    if (isDay(one.file) || LEDGERS.includes(name)) continue;
    (ASIDE.test(name) ? sorted.aside : sorted.strange).push(one);
  }
  return sorted;
}

function sortOutDay(day: readonly Listed[], isLive: (name: string) => boolean, into: Sorted): void {
  for (const one of day) {
    const part = partOf(one.file);
    if (part !== null && isLive(`${part.stem}.csv`)) into.closed.push(one);
    else if (ASIDE.test(one.file)) into.aside.push(one);
    else into.strange.push(one);
  }
}

export interface PartName {
  readonly day: string;
  readonly stem: string;
  /** Counts the parts of a stem within a day, from 1. */
  readonly number: number;
  readonly isGzip: boolean;
}

/** Of `raw/archive/2026-11-21/trades-okx-BTC-USDT.001.csv`, with or without `.gz`; null for any other path. */
export function partOf(file: string): PartName | null {
  const match = /^raw\/archive\/(\d{4}-\d{2}-\d{2})\/([^/]+)\.(\d{3,})\.csv(\.gz)?$/.exec(file);
  if (match === null) return null;
  const [, day = '', stem = '', digits = '', gzip] = match;
  return { day, stem, number: Number(digits), isGzip: gzip !== undefined };
}

function chainsOf(
  { live, closed }: Sorted,
  entries: ReadonlyMap<string, { readonly order: number; readonly entry: ManifestEntry }>,
  removals: ReadonlyMap<string, Removal>,
): ReadonlyMap<string, readonly PartFile[]> {
  const byFile = new Map(closed.map((one) => [one.file, one] as const));
  const chains = new Map<string, { readonly part: PartFile; readonly order: number | null }[]>();
  const add = (stem: string, part: PartFile, order: number | null): void => {
    const parts = chains.get(stem);
    if (parts === undefined) chains.set(stem, [{ part, order }]);
    else parts.push({ part, order });
  };
  const plainOf = (file: string): string => file.replace(/\.gz$/, '');
  for (const one of closed) {
    const name = partOf(one.file);
    // While the plain file stands, it is the truth: its archive is being made, or not proved yet.
    if (name === null || (name.isGzip && byFile.has(plainOf(one.file)))) continue;
    const known = entries.get(name.isGzip ? one.file : `${one.file}.gz`);
    const state = name.isGzip ? 'archived' : 'unsealed';
    add(name.stem, { ...one, state, entry: known?.entry ?? null, removal: null }, known?.order ?? null);
  }
  for (const [file, { order, entry }] of entries) {
    const name = partOf(file);
    if (name === null || byFile.has(file) || byFile.has(plainOf(file))) continue;
    const gone = removals.get(file) ?? null;
    const state = gone === null ? 'missing' : 'removed';
    add(name.stem, { file, bytes: 0, ino: 0, unreadable: null, state, entry, removal: gone }, order);
  }
  const ordered = new Map<string, PartFile[]>();
  for (const [stem, parts] of chains) ordered.set(stem, inOrder(parts));
  for (const one of live) {
    const stem = nameOf(one.file).slice(0, -'.csv'.length);
    const parts = ordered.get(stem) ?? [];
    parts.push({ ...one, state: 'live', entry: null, removal: null });
    ordered.set(stem, parts);
  }
  return new Map([...ordered].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Order of receipt: that of the manifest's lines, since a clock that was set back can give a later part an earlier day.
 * A part that it does not name stands behind the last one named whose day and number are before its own.
 */
function inOrder(parts: readonly { readonly part: PartFile; readonly order: number | null }[]): PartFile[] {
  const ordered = parts
    .filter(({ order }) => order !== null)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .map(({ part }) => part);
  const unnamed = parts.filter(({ order }) => order === null).map(({ part }) => part);
  for (const part of unnamed.sort((a, b) => (isBefore(a.file, b.file) ? -1 : 1))) {
    const at = ordered.findLastIndex((other) => isBefore(other.file, part.file));
    ordered.splice(at + 1, 0, part);
  }
  return ordered;
}

function isBefore(a: string, b: string): boolean {
  const [one, other] = [partOf(a), partOf(b)];
  if (one === null || other === null) return false;
  return one.day < other.day || (one.day === other.day && one.number < other.number);
}
