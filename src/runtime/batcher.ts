/**
 * Events to batches: rows are encoded as they come, grouped by symbol, and sent together with their numbers. What may
 * be sent is bounded by credit; what waits, by bytes; beyond that events are refused, never silently.
 */

import type { Batch, BatchPart } from '../core/batch.ts';
import type { Feed, MarketEvent } from '../core/event.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { encodeEvent, rowPrefix, type Top, WIDTHS, writeNumbers } from '../flow/rows.ts';

export interface BatcherOptions {
  readonly venue: string;
  readonly feed: Feed;
  readonly clock: Clock;
  /** How long the first event of a batch may wait. */
  readonly delayMs: number;
  /** A batch is sent at once when it has this many events, or bytes of rows. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** Without credit, events wait up to this many bytes of rows. */
  readonly queueBytes: number;
  send(batch: Batch): void;
}

/** The file that a row belongs to. */
export type BatchPlace = Pick<BatchPart, 'day' | 'begins'>;

/** `full`: there is no room. `unencodable`: what it holds cannot stand in a row. */
export type Added = 'taken' | 'full' | 'unencodable';

export interface Batcher {
  /** Anything but `taken`: the event is no row, and the caller says so. */
  add(event: MarketEvent, top: Top | null, place: BatchPlace): Added;
  /** May send `batches` more. */
  credit(batches: number): void;
  /** Sends what waits, credit or not (at the stop). */
  flush(): void;
  /** The symbol's last rows were sent, and there will be no more of it. */
  forget(symbol: string): void;
  /** Events that wait here. */
  queued(): number;
}

/**
 * One symbol's rows, kept as bytes: text that is only joined would keep every little string of its frames alive until
 * the batch goes, and the collector busy with copying them.
 */
interface Rows {
  readonly symbol: string;
  readonly prefix: string;
  day: string;
  /** These rows begin a new file. */
  first: boolean;
  /** The next row that is taken begins a new file. */
  begins: boolean;
  bytes: Buffer;
  /** Of the batch at work. */
  used: number;
  count: number;
  lastRow: number;
  /** Its place among the parts; −1 while it has no rows. */
  part: number;
}

const FIRST_BYTES = 4 * 1024;
/** A larger row buffer is given up when a batch used little of it: 1,000 symbols must not keep 1,000 of them. */
const LARGE_BYTES = 64 * 1024;

export function createBatcher(options: BatcherOptions): Batcher {
  const width = WIDTHS[options.feed];
  const bySymbol = new Map<string, Rows>();
  /** Those with rows in the batch at work. */
  let pending: Rows[] = [];
  let columns = new Float64Array(64 * width);
  let events = 0;
  let waiting = 0;
  let firstLocalUs = 0;
  let lastLocalUs = 0;
  let credit = 0;
  let timer: Cancel | null = null;

  const rowsOf = (symbol: string): Rows => {
    let rows = bySymbol.get(symbol);
    if (rows === undefined) {
      rows = emptyRows(symbol, rowPrefix(options.venue, symbol));
      bySymbol.set(symbol, rows);
    }
    return rows;
  };

  /** The rows that the next one joins: of a new file, others than those that wait for the old one. */
  const partOf = (symbol: string, { day }: BatchPlace): Rows => {
    let rows = rowsOf(symbol);
    if (rows.part >= 0 && (rows.begins || rows.day !== day)) {
      const next = emptyRows(symbol, rows.prefix);
      next.begins = rows.begins;
      rows.begins = false;
      bySymbol.set(symbol, next);
      rows = next;
    }
    if (rows.part < 0) {
      rows.part = pending.push(rows) - 1;
      rows.day = day;
      rows.first = rows.begins;
      rows.begins = false;
    }
    return rows;
  };

  const grow = (): void => {
    const larger = new Float64Array(columns.length * 2);
    larger.set(columns);
    columns = larger;
  };

  const send = (): void => {
    timer?.();
    timer = null;
    if (events === 0) return;
    options.send({
      venue: options.venue,
      feed: options.feed,
      ...takeParts(pending),
      columns: columns.slice(0, events * width),
      width,
      events,
      firstLocalUs,
      lastLocalUs,
    });
    pending = [];
    events = 0;
    waiting = 0;
  };

  const sendWithCredit = (): void => {
    if (credit > 0 && events > 0) {
      credit -= 1;
      send();
    }
  };

  const onTimer = (): void => {
    timer = null;
    sendWithCredit();
  };

  return {
    add(event, top, place) {
      // Remembered when this event is refused: the row after it begins the file.
      if (place.begins) rowsOf(event.symbol).begins = true;
      if (waiting >= options.queueBytes) return 'full';
      const row = encodeEvent(rowsOf(event.symbol).prefix, event);
      if (!isOneRow(row) || !Number.isSafeInteger(event.timestampUs)) return 'unencodable';
      const rows = partOf(event.symbol, place);
      waiting += append(rows, row);
      if ((events + 1) * width > columns.length) grow();
      writeNumbers(columns, events * width, rows.part, event, top);
      if (events === 0) firstLocalUs = event.localUs;
      lastLocalUs = event.localUs;
      events += 1;
      if (events >= options.maxEvents || waiting >= options.maxBytes) sendWithCredit();
      else timer ??= options.clock.after(options.delayMs, onTimer);
      return 'taken';
    },
    credit(batches) {
      credit += batches;
      // Events that waited for credit have waited long enough.
      if (timer === null || events >= options.maxEvents) sendWithCredit();
    },
    flush: send,
    forget: (symbol) => void bySymbol.delete(symbol),
    queued: () => events,
  };
}

function emptyRows(symbol: string, prefix: string): Rows {
  const bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  return {
    symbol,
    prefix,
    day: '',
    first: false,
    begins: false,
    bytes,
    used: 0,
    count: 0,
    lastRow: 0,
    part: -1,
  };
}

/** One row is one line: a reader finds the end of the last whole row by its line end. */
function isOneRow(row: string): boolean {
  return row.indexOf('\n') === row.length - 1;
}

/** Gives the bytes that the row took. */
function append(rows: Rows, row: string): number {
  // UTF-8 takes at most three bytes for a unit of UTF-16.
  const needed = rows.used + row.length * 3;
  if (needed > rows.bytes.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, rows.bytes.length * 2));
    rows.bytes.copy(larger, 0, 0, rows.used);
    rows.bytes = larger;
  }
  const written = rows.bytes.write(row, rows.used);
  rows.lastRow = rows.used;
  rows.used += written;
  rows.count += 1;
  return written;
}

/** The rows end to end in one buffer of its own, so that it can be transferred; the symbols begin anew. */
function takeParts(pending: readonly Rows[]): { parts: BatchPart[]; bytes: Uint8Array } {
  const bytes = Buffer.allocUnsafeSlow(pending.reduce((sum, rows) => sum + rows.used, 0));
  const parts: BatchPart[] = [];
  let start = 0;
  for (const rows of pending) {
    const end = start + rows.used;
    rows.bytes.copy(bytes, start, 0, rows.used);
    const { symbol, day, count, first } = rows;
    parts.push({ symbol, start, end, rows: count, lastRow: start + rows.lastRow, day, begins: first });
    start = end;
    if (rows.bytes.length > LARGE_BYTES && rows.used < rows.bytes.length / 8)
      rows.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    rows.used = 0;
    rows.count = 0;
    rows.part = -1;
  }
  return { parts, bytes };
}
