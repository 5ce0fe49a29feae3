/**
 * One data folder and the collectors that live and die on it, one after the other, against one simulator. After each
 * death every file is looked at; at the end the simulator's journal is held against the rows.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { encodeCell } from '../../src/core/csv.ts';
import { FEEDS, type Feed } from '../../src/core/event.ts';
import type { Random } from '../../src/core/ports.ts';
import type { CsvRecord } from '../../src/io/csv-read.ts';
import { type JournalLine, type Run, type Status, simulator, startCollector, until } from './collector.ts';
import { heldBook, heldTicker, heldTrades, type Told } from './held.ts';
import { fileOf, levels } from './journal.ts';
import {
  checkReplaced,
  type Grown,
  grownLines,
  grownRows,
  replacedFiles,
  rowsOf,
  temps,
  tornAside,
} from './recorded.ts';

/** One or two books of each way to join one: by REST, by `pu`, pushed, without numbers. */
const SYMBOLS: Readonly<Record<string, readonly string[]>> = {
  binance: ['BTC/USDT', 'BTC/USDT:USDT'],
  bybit: ['BTC/USDT'],
  okx: ['BTC/USDT:USDT'],
  bitflyer: ['BTC/JPY'],
};

/** The cells behind the times. */
const BALLAST_TRADE = 'ballast,buy,1,1';
const BALLAST_BOOK = 'true,1,[],[],,1';
const isBallast = (row: CsvRecord): boolean =>
  row.id === 'ballast' || (row.is_snapshot === 'true' && row.bids === '[]' && row.asks === '[]');

export interface LivesOptions {
  readonly root: string;
  readonly symbols?: typeof SYMBOLS;
  readonly feeds?: readonly Feed[];
  /** Of the simulator; 1 is a quiet market. */
  readonly rate?: number;
  readonly settings?: object;
}

export interface How {
  readonly wrap?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** One file of `raw/`. */
export interface Target {
  readonly file: string;
  readonly venue: string;
  readonly symbol: string;
  readonly feed: Feed;
}

export interface Lives {
  readonly data: string;
  readonly targets: readonly Target[];
  readonly journal: readonly JournalLine[];
  begin(how?: How): Run;
  /** Kills it, and looks at what it left. */
  kill(run: Run): Promise<void>;
  /** The running one has died or been stopped: throws unless every file is whole and holds all that it held before. */
  look(): void;
  /** Half a row behind a file's end, as a power cut leaves it; the next look wants it moved aside or still there. */
  tear(random: Random): void;
  /**
   * Rows of the test's own behind a file's last row, until it has so many bytes: so that it is soon closed. False where
   * there is no file to put them into: its last one was closed, and whoever closed it died before the next.
   */
  ballast(target: Target, bytes: number): boolean;
  /** Torn ends that were found after a death, those of `tear` among them. */
  torn(): number;
  /** The markets stand still, all that was sent reaches its file, and it stops in order. */
  end(run: Run): Promise<void>;
  /** The journal against every file. By file, what each connection was told and how much of it is recorded. */
  held(): Promise<ReadonlyMap<Target, readonly Told[]>>;
  /** What the status file says; null before the first. */
  status(): Status | null;
  /** Whether the running one has recorded anything yet. */
  hasRows(): boolean;
  /** Whether it has recorded something in every file. */
  isFlowing(): boolean;
  /** Whether the newest message of every feed and symbol is in its file. */
  isCaughtUp(): boolean;
  close(): Promise<void>;
}

export async function startLives(options: LivesOptions): Promise<Lives> {
  const { root, symbols = SYMBOLS, feeds = FEEDS, rate = 4 } = options;
  const data = join(root, 'data');
  const { sim, journal } = await simulator(rate);
  const venues = Object.fromEntries(
    Object.entries(symbols).map(([id, own]) => [id, { symbols: own, endpoints: sim.endpoints[id] }]),
  );
  const targets = Object.entries(symbols).flatMap(([venue, own]) =>
    own.flatMap((symbol) =>
      feeds.map((feed): Target => ({ file: fileOf(feed, venue, symbol), venue, symbol, feed })),
    ),
  );
  const args = feeds.length === FEEDS.length ? [] : ['--feeds', feeds.join()];
  const known = new Map<string, Grown>();
  const runs: Run[] = [];
  let torn = 0;
  /** Of the running process: the journal's length and each file's rows when it began. */
  let begun = 0;
  let rowsBefore: ReadonlyMap<string, number> = new Map();

  const sentTo = ({ venue, symbol, feed }: Target): readonly JournalLine[] =>
    journal.filter((line) => line.venue === venue && line.symbol === symbol && line.feed === feed);

  /** On the connections of the running process: those of the one before can be told a little beyond its death. */
  const sentNow = (target: Target): readonly JournalLine[] => {
    const own = new Set(journal.slice(begun).flatMap((line) => ('connect' in line ? line.conn : [])));
    return sentTo(target).filter((line) => own.has(line.conn));
  };

  const grown = (): ReadonlyMap<string, Grown> => {
    const found = new Map<string, Grown>();
    for (const { file } of targets) found.set(`raw/${file}`, grownRows(data, file));
    for (const file of ['collector/events.jsonl', 'raw/archive/manifest.jsonl'])
      if (existsSync(join(data, file))) found.set(file, grownLines(join(data, file)));
    return found;
  };

  const isInFile = (target: Target): boolean => {
    const { file, venue, feed } = target;
    const { text } = grownRows(data, file);
    if (feed === 'ticker') {
      return linesIn(text) - (rowsBefore.get(file) ?? 0) === sentNow(target).length;
    }
    const last = sentNow(target).findLast((line) => !(venue === 'bitflyer' && line.snapshot));
    if (last === undefined) return false;
    // Behind the newest trade can stand those that were fetched later.
    if (feed === 'trades') return text.slice(-200_000).includes(`,${last.id},`);
    // A book's file that has just begun holds its snapshot alone.
    const newest = text.slice(-200_000).split('\n').slice(-3).join('\n');
    const told = [last.bids, last.asks].map((side) => encodeCell(levels(side)));
    return newest.includes(`,${told.join()},`);
  };

  const hasGrown = ({ file, feed }: Target): boolean =>
    // A book's first row is its snapshot.
    linesIn(grownRows(data, file).text) > (rowsBefore.get(file) ?? 0) + (feed === 'orderbook' ? 1 : 0);

  const look = (): void => {
    for (const path of replacedFiles(data)) checkReplaced(path, readFileSync(join(data, path), 'utf8'));
    const aside = tornAside(data);
    for (const [path, now] of grown()) {
      const before = known.get(path) ?? { text: '', tail: '' };
      if (!now.text.startsWith(before.text)) throw new Error(`${path} lost what it held`);
      if (before.tail !== '') {
        const isThere = now.text === before.text && now.tail === before.tail;
        if (!isThere && !aside.get(path)?.includes(before.tail))
          throw new Error(`the torn end of ${path} is neither there nor moved aside: ${before.tail}`);
      }
      if (now.tail !== '' && now.tail !== before.tail) torn++;
      known.set(path, now);
    }
  };

  mkdirSync(data, { recursive: true });
  return {
    data,
    targets,
    journal,
    begin({ wrap = [], env = {} } = {}) {
      begun = journal.length;
      rowsBefore = new Map(targets.map(({ file }) => [file, linesIn(grownRows(data, file).text)]));
      const run = startCollector(root, venues, args, env, { wrap, settings: options.settings ?? {} });
      runs.push(run);
      return run;
    },
    async kill(run) {
      run.process.kill('SIGKILL');
      await run.exit;
      if (run.process.signalCode !== 'SIGKILL' || run.errors.length > 0)
        throw new Error(`ended by itself: ${run.process.exitCode} ${run.errors.join('\n')}`);
      look();
    },
    look,
    tear(random) {
      const whole = [...known].filter(
        ([path, { text, tail }]) => text !== '' && tail === '' && isOpenEnd(path),
      );
      const [path, { text }] = whole[Math.floor(random() * whole.length)] ?? ['', { text: '' }];
      if (path === '') return;
      const row = text.slice(text.lastIndexOf('\n', text.length - 2) + 1, -1);
      const tail = row.slice(0, 1 + Math.floor(random() * (row.length - 1)));
      appendFileSync(join(data, path), tail);
      known.set(path, { text, tail });
      torn++;
    },
    ballast({ file, venue, symbol, feed }, bytes) {
      const path = join(data, 'raw', file);
      const before = known.get(`raw/${file}`);
      // A file that was just made has no header yet.
      const isBegun = existsSync(path) && statSync(path).size > 0;
      if (!isBegun || before === undefined || before.tail !== '') return false;
      const head = `${venue},${symbol},${Date.now()}000,${Date.now()}000`;
      const row = `${head},${feed === 'trades' ? BALLAST_TRADE : BALLAST_BOOK}\n`;
      const rows = row.repeat(Math.max(0, Math.floor((bytes - statSync(path).size) / row.length)));
      appendFileSync(path, rows);
      known.set(`raw/${file}`, { text: before.text + rows, tail: '' });
      return true;
    },
    torn: () => torn,
    status() {
      const path = join(data, 'collector/status.json');
      return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Status) : null;
    },
    hasRows: () => targets.some(hasGrown),
    isFlowing: () => targets.every(hasGrown),
    isCaughtUp: () => targets.every(isInFile),
    async end(run) {
      await untilIn(run, 'it collects', () => existsSync(join(data, 'runtime/READY')));
      await untilIn(run, 'every file grows', () => targets.every(hasGrown));
      sim.pause();
      await untilIn(run, 'all that was sent is in the files', () => targets.every(isInFile));
      run.process.kill('SIGTERM');
      const code = await run.exit;
      sim.resume();
      if (code !== 0 || run.errors.length > 0) throw new Error(`stopped with ${code}: ${run.errors.join()}`);
      look();
      const left = [
        ...temps(data),
        ...[...known].filter(([, { tail }]) => tail !== '').map(([path]) => path),
      ];
      if (left.length > 0) throw new Error(`left over after a stop in order: ${left.join()}`);
    },
    async held() {
      const all = new Map<Target, readonly Told[]>();
      for (const target of targets) {
        const sent = sentTo(target);
        const rows = (await rowsOf(data, target.file)).filter((row) => !isBallast(row));
        try {
          if (target.feed === 'trades') all.set(target, heldTrades(rows, sent));
          else if (target.feed === 'orderbook') all.set(target, heldBook(rows, sent));
          else heldTicker(rows, sent);
        } catch (thrown) {
          throw new Error(`${target.file}: ${thrown instanceof Error ? thrown.message : thrown}`);
        }
      }
      return all;
    },
    async close() {
      for (const run of runs) run.process.kill('SIGKILL');
      await Promise.all(runs.map((run) => run.exit));
      await sim.stop();
    },
  };
}

/** What the last connection of each feed was told and is in no row. */
export function missing(held: ReadonlyMap<Target, readonly Told[]>): readonly string[] {
  return [...held].flatMap(([{ file }, told]) => {
    const last = told.at(-1);
    if (last === undefined) return [`${file}: nothing recorded`];
    const left = last.sent.length - last.recorded;
    return left === 0 ? [] : [`${file}: ${left} of ${last.sent.length}`];
  });
}

/** Looks until it is so; fails at once when the collector ends meanwhile. */
export async function untilIn(run: Run, what: string, isSo: () => boolean, ms = 20_000): Promise<void> {
  await until(
    what,
    () => {
      const { exitCode, signalCode } = run.process;
      if (exitCode !== null || signalCode !== null)
        throw new Error(`ended (${exitCode ?? signalCode}) before ${what}: ${run.errors.join('\n')}`);
      return isSo();
    },
    ms,
  ).catch((thrown: unknown) => {
    throw new Error(`${thrown instanceof Error ? thrown.message : thrown}\n${run.errors.join('\n')}`);
  });
}

export const isStarted = (run: Run): boolean => run.lines.some((line) => line.startsWith('[START]'));

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}

/** A file whose next line is written behind its last one: not the closed parts of a rotated file. */
const isOpenEnd = (path: string): boolean => !path.startsWith('raw/archive/');
