/** Names in the archive: `raw/archive/2026-11-21/trades-okx-BTC-USDT.001.csv`, with `.gz` when it is sealed. */

/** Relative to the data directory. */
export const ARCHIVE_FOLDER = 'raw/archive';

export interface ArchiveName {
  /** The live file's name without `.csv`. */
  readonly stem: string;
  /** Counts the parts of a stem within a day, from 1. */
  readonly number: number;
  /** False: the plain file, whose archive is not proved yet. */
  readonly isGzip: boolean;
}

/** True for `2026-11-21`. Such names sort by time. */
export function isDay(name: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(name);
}

/** The plain file's name within its day. */
export function archiveName(stem: string, number: number): string {
  return `${stem}.${String(number).padStart(3, '0')}.csv`;
}

/** Null for a name that is none of ours. */
export function parseArchiveName(name: string): ArchiveName | null {
  const match = /^(.+)\.(\d{3,})\.csv(\.gz)?$/.exec(name);
  if (!match) return null;
  const [, stem = '', digits = '', gzip] = match;
  return { stem, number: Number(digits), isGzip: gzip !== undefined };
}

/** The stem of a live file `raw/<stem>.csv`. Throws on any other path. */
export function stemOf(file: string): string {
  const match = /^raw\/([^/]+)\.csv$/.exec(file);
  if (!match?.[1]) throw new RangeError(`not a live file: ${JSON.stringify(file)}`);
  return match[1];
}
