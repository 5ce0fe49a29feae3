/** Data directories made by hand: live files, archives with their manifest, captures and ledgers. */

import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { BookChange, Feed, Level, MarketEvent, Ticker, Trade } from '../../src/core/event.ts';
import { encodeEvent, HEADERS, rawFile, rowPrefix } from '../../src/flow/rows.ts';
import type { VerifyReport } from '../../src/runtime/verify/report.ts';
import { verify } from '../../src/runtime/verify/verify.ts';

/** 2026-11-21T09:00:00Z. */
export const T0 = 1_795_251_600_000_000;
export const SECOND = 1_000_000;
export const DAY = '2026-11-21';

/** Rows without their line ends. */
export type Rows = readonly string[];

export interface Subject {
  readonly venue: string;
  readonly symbol: string;
}

export const BINANCE: Subject = { venue: 'binance', symbol: 'BTC/USDT' };

const rowOf = ({ venue, symbol }: Subject, event: MarketEvent): string =>
  encodeEvent(rowPrefix(venue, symbol), event).slice(0, -1);

export interface TradeSpec {
  readonly id: number | string;
  readonly us: number;
  readonly timestampUs?: number;
}

export function trade({ id, us, timestampUs = us - 3_000 }: TradeSpec, subject = BINANCE): string {
  const event: Trade = {
    type: 'trade',
    symbol: subject.symbol,
    timestampUs,
    localUs: us,
    id: String(id),
    side: 'buy',
    price: '67000.10',
    amount: '0.5',
  };
  return rowOf(subject, event);
}

/** Ids from `first`, one a second from `fromUs`. */
export function trades(count: number, subject = BINANCE, first = 1_000, fromUs = T0): string[] {
  return Array.from({ length: count }, (_, index) =>
    trade({ id: first + index, us: fromUs + index * SECOND }, subject),
  );
}

export function ticker(us: number, subject = BINANCE, timestampUs = us - 2_000): string {
  const event: Ticker = {
    type: 'ticker',
    symbol: subject.symbol,
    timestampUs,
    localUs: us,
    askAmount: '1',
    askPrice: '67000.2',
    bidPrice: '67000.1',
    bidAmount: '2',
    lastPrice: '',
    baseVolume: '',
    quoteVolume: '',
  };
  return rowOf(subject, event);
}

export interface BookSpec {
  readonly us: number;
  readonly seq: number | null;
  /** Of a change; a snapshot has none. */
  readonly prev?: number | null;
  /** The snapshot that it follows; of a snapshot its own. */
  readonly of?: number | null;
  readonly bids?: readonly Level[];
  readonly asks?: readonly Level[];
}

const BIDS: readonly Level[] = [
  ['100', '1'],
  ['99', '2'],
];
const ASKS: readonly Level[] = [
  ['101', '1'],
  ['102', '2'],
];

/** A snapshot where `prev` is left out. */
export function book(spec: BookSpec, subject = BINANCE): string {
  const snapshot = spec.prev === undefined;
  const event: BookChange = {
    type: 'book',
    market: 'spot',
    symbol: subject.symbol,
    timestampUs: spec.us - 1_000,
    localUs: spec.us,
    snapshot,
    sequence: spec.seq,
    prevSequence: spec.prev ?? null,
    snapshotSequence: spec.of === undefined ? spec.seq : spec.of,
    bids: spec.bids ?? (snapshot ? BIDS : [['100', '3']]),
    asks: spec.asks ?? (snapshot ? ASKS : []),
  };
  return rowOf(subject, event);
}

/** A snapshot numbered `first` at `fromUs` and `count` - 1 changes, one a second. */
export function books(count: number, subject = BINANCE, first = 500, fromUs = T0): string[] {
  return Array.from({ length: count }, (_, index) =>
    index === 0
      ? book({ us: fromUs, seq: first }, subject)
      : book(
          { us: fromUs + index * SECOND, seq: first + index, prev: first + index - 1, of: first },
          subject,
        ),
  );
}

export function csv(feed: Feed, rows: Rows): string {
  return [HEADERS[feed], ...rows, ''].join('\n');
}

export function put(dataDir: string, file: string, bytes: string | Uint8Array): void {
  const path = join(dataDir, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

export function append(dataDir: string, file: string, line: unknown): void {
  const path = join(dataDir, file);
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}

export const liveFile = (feed: Feed, { venue, symbol }: Subject = BINANCE): string =>
  rawFile(venue, feed, symbol);

export function putLive(dataDir: string, feed: Feed, rows: Rows, subject = BINANCE): string {
  const file = liveFile(feed, subject);
  put(dataDir, file, csv(feed, rows));
  return file;
}

export interface ArchiveSpec {
  readonly day?: string;
  readonly number?: number;
  readonly subject?: Subject;
  /** Whether the manifest names it. */
  readonly listed?: boolean;
}

/** Sealed as the collector does it; gives the file's name. */
export function putArchive(dataDir: string, feed: Feed, rows: Rows, spec: ArchiveSpec = {}): string {
  const { day = DAY, number = 1, subject = BINANCE, listed = true } = spec;
  const stem = liveFile(feed, subject).replace(/^raw\/|\.csv$/g, '');
  const file = `raw/archive/${day}/${stem}.${String(number).padStart(3, '0')}.csv.gz`;
  const text = Buffer.from(csv(feed, rows));
  const gzip = gzipSync(text);
  put(dataDir, file, gzip);
  if (listed) append(dataDir, 'raw/archive/manifest.jsonl', manifestLine(file, text, gzip, rows.length));
  return file;
}

export function manifestLine(file: string, text: Uint8Array, gzip: Uint8Array, rows: number): object {
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const lines = Buffer.from(text).toString().split('\n').slice(1, -1);
  const times = lines.map((line) => Number(line.split(',')[3]) / SECOND);
  return {
    file,
    rows,
    bytes: gzip.length,
    sha256: sha256(gzip),
    csv_bytes: text.length,
    csv_sha256: sha256(text),
    first_ts: Math.min(...times),
    last_ts: Math.max(...times),
    sealed_ts: T0 / SECOND,
    sealed_by: 'rotation',
  };
}

export interface GapSpec {
  readonly id?: string | number;
  readonly state?: 'open' | 'closed';
  readonly feed?: Feed;
  readonly subject?: Subject;
  readonly kind?: string;
  readonly from: object;
  readonly to?: object | null;
  readonly repaired?: 'full' | 'partial' | 'none';
}

/** A line of `gaps.jsonl` (DESIGN 6.4). */
export function putGap(dataDir: string, spec: GapSpec): void {
  const { id = 'g1', state = 'closed', feed = 'trades', subject = BINANCE, kind = 'disconnect' } = spec;
  const { from, to = null, repaired = 'none' } = spec;
  const edge = { seq: null, id: null, ts: null, local_ts: null };
  append(dataDir, 'collector/gaps.jsonl', {
    id,
    ts: T0 / SECOND,
    state,
    ...subject,
    feed,
    kind,
    from: { ...edge, ...from },
    to: to === null ? null : { ...edge, ...to },
    repaired,
    how: null,
    missing: null,
  });
}

export async function verified(dataDir: string, sparse: readonly string[] = []): Promise<VerifyReport> {
  const done = await verify({ dataDir, nowUs: T0, sparse, progress: () => undefined });
  if (!done.ok) throw new Error(done.error.message);
  return done.value;
}

/** What is said of the only chain that is there. */
export async function verifiedChain(dataDir: string): Promise<VerifyReport['files'][number]> {
  const { files } = await verified(dataDir);
  const [chain] = files;
  if (chain === undefined || files.length !== 1) throw new Error(`${files.length} chains`);
  return chain;
}

export const readBytes = (dataDir: string, file: string): Buffer => readFileSync(join(dataDir, file));
