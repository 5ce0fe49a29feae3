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
  /** A batch is sent at once when it has this many events or characters. */
  readonly maxEvents: number;
  readonly maxChars: number;
  /** Without credit, events wait up to this many characters. */
  readonly queueChars: number;
  send(batch: Batch): void;
}

export interface Batcher {
  /** False when the queue is full: the event is lost, and the caller says so. */
  add(event: MarketEvent, top: Top | null): boolean;
  /** May send `batches` more. */
  credit(batches: number): void;
  /** Sends what waits, credit or not (at the stop). */
  flush(): void;
  /** Events that wait here. */
  queued(): number;
}

interface Pending {
  readonly index: number;
  readonly prefix: string;
  text: string;
  rows: number;
  last: string;
}

export function createBatcher(options: BatcherOptions): Batcher {
  const width = WIDTHS[options.feed];
  const prefixes = new Map<string, string>();
  let pending = new Map<string, Pending>();
  let columns = new Float64Array(64 * width);
  let events = 0;
  let chars = 0;
  let firstLocalUs = 0;
  let lastLocalUs = 0;
  let credit = 0;
  let timer: Cancel | null = null;

  const partOf = (symbol: string): Pending => {
    let part = pending.get(symbol);
    if (part === undefined) {
      let prefix = prefixes.get(symbol);
      if (prefix === undefined) {
        prefix = rowPrefix(options.venue, symbol);
        prefixes.set(symbol, prefix);
      }
      part = { index: pending.size, prefix, text: '', rows: 0, last: '' };
      pending.set(symbol, part);
    }
    return part;
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
      ...encodeParts(pending),
      columns: columns.slice(0, events * width),
      width,
      events,
      firstLocalUs,
      lastLocalUs,
    });
    pending = new Map();
    events = 0;
    chars = 0;
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
    add(event, top) {
      if (chars >= options.queueChars) return false;
      const part = partOf(event.symbol);
      const row = encodeEvent(part.prefix, event);
      part.text += row;
      part.last = row;
      part.rows += 1;
      chars += row.length;
      if ((events + 1) * width > columns.length) grow();
      writeNumbers(columns, events * width, part.index, event, top);
      if (events === 0) firstLocalUs = event.localUs;
      lastLocalUs = event.localUs;
      events += 1;
      if (events >= options.maxEvents || chars >= options.maxChars) sendWithCredit();
      else timer ??= options.clock.after(options.delayMs, onTimer);
      return true;
    },
    credit(batches) {
      credit += batches;
      // Events that waited for credit have waited long enough.
      if (timer === null || events >= options.maxEvents) sendWithCredit();
    },
    flush: send,
    queued: () => events,
  };
}

/** The parts' rows end to end in one buffer of its own, so that it can be transferred. */
function encodeParts(pending: ReadonlyMap<string, Pending>): { parts: BatchPart[]; bytes: Uint8Array } {
  let size = 0;
  const lengths: number[] = [];
  for (const part of pending.values()) {
    const length = Buffer.byteLength(part.text);
    lengths.push(length);
    size += length;
  }
  const bytes = Buffer.allocUnsafeSlow(size);
  const parts: BatchPart[] = [];
  let start = 0;
  for (const [symbol, part] of pending) {
    const end = start + (lengths[part.index] as number);
    bytes.write(part.text, start);
    parts.push({ symbol, start, end, rows: part.rows, lastRow: end - Buffer.byteLength(part.last) });
    start = end;
  }
  return { parts, bytes };
}
