/** `tapedeck book SYMBOL --at TIME`: a book as it was at a moment, made again from the files. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Environment, loadSettings } from '../../config/load.ts';
import { levelsOf, topOf } from '../core/book.ts';
import type { Level } from '../core/event.ts';
import { failureOf } from '../core/result.ts';
import { isoOf, isoToUs, seconds, secondsToUs } from '../core/time.ts';
import { type BookAt, bookAt } from '../runtime/verify/book-at.ts';
import { VENUES } from '../venues/index.ts';
import { type Console, EXIT, type Place } from './console.ts';

export const BOOK_HELP = `tapedeck book SYMBOL --at TIME [--venue V] [--data DIR] [--levels N] [--json]
  the book as it was kept at a moment (2026-11-21T12:00:00Z, or epoch seconds), made again from the files;
  exit 1 where no book is known of that moment
  --levels  so many a side: 20 unless told otherwise, with --json all`;

const TEXT_LEVELS = 20;

/** Resolves with the exit code: 0 done, 1 no book is known of that moment, 64 bad arguments, 74 cannot read. */
export async function runBook(
  argv: readonly string[],
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const args = readArgs(argv);
  if (typeof args === 'string') {
    io.err(args);
    return EXIT.usage;
  }
  const dataDir = await dataDirOf(args.data, place, env);
  if (dataDir === null) {
    io.err('tapedeck book: the settings do not tell where the data is: give --data DIR');
    return EXIT.usage;
  }
  const found = await bookAt({ dataDir, venue: args.venue, symbol: args.symbol, atUs: args.atUs });
  if (!found.ok) {
    io.err(`tapedeck book: ${args.symbol} at ${isoOf(args.atUs)}: ${found.error.message}`);
    return exitOf(found.error.code);
  }
  if (args.json) io.out(JSON.stringify(jsonOf(found.value, args)));
  else for (const line of textOf(found.value, args)) io.out(line);
  return EXIT.ok;
}

function exitOf(code: string): number {
  if (code === 'before' || code === 'hole') return EXIT.warn;
  return code === 'unknown' || code === 'ENOENT' ? EXIT.usage : EXIT.io;
}

async function dataDirOf(given: string | null, place: Place, env: Environment): Promise<string | null> {
  if (given !== null) return resolve(place.cwd, given);
  const { root, cwd } = place;
  const loaded = await loadSettings({ file: null, root, cwd, env, venues: VENUES, overrides: {} });
  return loaded.ok ? loaded.value.settings.paths.data : null;
}

interface Args {
  readonly symbol: string;
  readonly atUs: number;
  readonly venue: string | null;
  readonly data: string | null;
  /** Null: not told. */
  readonly levels: number | null;
  readonly json: boolean;
}

function sidesOf({ book }: BookAt, count: number | null): readonly [readonly Level[], readonly Level[]] {
  if (count === null) return [levelsOf(book.bids), levelsOf(book.asks)];
  return [topOf(book.bids, count), topOf(book.asks, count)];
}

function jsonOf(found: BookAt, { atUs, levels }: Args): object {
  const { venue, symbol, row, file, line, appliedUs, isLast } = found;
  const [bids, asks] = sidesOf(found, levels);
  return {
    venue,
    symbol,
    at_ts: seconds(atUs),
    local_ts: seconds(row.localUs),
    applied_ts: seconds(appliedUs),
    age_sec: seconds(atUs - appliedUs),
    sequence: row.sequence,
    snapshot_sequence: row.snapshotSequence,
    file,
    line,
    is_last: isLast,
    bids,
    asks,
  };
}

function textOf(found: BookAt, { atUs, levels }: Args): readonly string[] {
  const { venue, symbol, row, file, line, appliedUs, isLast, book } = found;
  const [bids, asks] = sidesOf(found, levels ?? TEXT_LEVELS);
  const rows = Array.from({ length: Math.max(bids.length, asks.length) }, (_, at) => {
    const [bid, ask] = [bids[at], asks[at]];
    return [bid?.[1] ?? '', bid?.[0] ?? '', ask?.[0] ?? '', ask?.[1] ?? ''];
  });
  return [
    `${venue} ${symbol} at ${isoOf(atUs)}`,
    `as of ${isoOf(appliedUs)}, ${seconds(atUs - appliedUs)} s before: ${file}, line ${line}`,
    `sequence ${row.sequence ?? 'none'}, of snapshot ${row.snapshotSequence ?? 'none'}; ${book.bids.levels.size} bids, ${book.asks.levels.size} asks`,
    ...(isLast ? ['the newest row of all: what came after it is not recorded'] : []),
    '',
    ...table([['bid amount', 'bid', 'ask', 'ask amount'], ...rows]),
  ];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
}

function readArgs(argv: readonly string[]): Args | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: {
        at: { type: 'string' },
        venue: { type: 'string' },
        data: { type: 'string' },
        levels: { type: 'string' },
        json: { type: 'boolean' },
      },
      allowPositionals: true,
    });
    const [symbol, ...more] = positionals;
    if (symbol === undefined || more.length > 0 || values.at === undefined) return BOOK_HELP;
    const atUs = isoToUs(values.at) ?? secondsToUs(values.at);
    if (atUs === null) return `--at: expected 2026-11-21T12:00:00Z or epoch seconds, got ${values.at}`;
    const levels = values.levels === undefined ? null : Number(values.levels);
    if (levels !== null && !(Number.isInteger(levels) && levels > 0))
      return `--levels: expected a whole number above 0, got ${values.levels}`;
    const { venue = null, data = null, json = false } = values;
    return { symbol, atUs, venue, data, levels, json };
  } catch (thrown) {
    return `${failureOf(thrown).message}\n${BOOK_HELP}`;
  }
}
