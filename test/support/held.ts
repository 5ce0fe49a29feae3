/**
 * The rows of a file held against the simulator's journal, connection by connection: a process that lived from one
 * kill to the next has its own connections, and what it recorded of each must be the beginning of what it was told.
 */

import type { CsvRecord } from '../../src/io/csv-read.ts';
import type { JournalLine } from './collector.ts';
import { levels } from './journal.ts';

export interface Told {
  readonly conn: string;
  /** What had to become rows, in order; of a book what follows the snapshot that was joined. */
  readonly sent: readonly JournalLine[];
  /** How many of them are rows. */
  recorded: number;
}

type Side = JournalLine['bids'];

/**
 * Trades in the order in which they were sent, none twice, none left out but at the end of a connection. What was left
 * out there, and what was sent to nobody, can have been fetched later.
 */
export function heldTrades(rows: readonly CsvRecord[], journal: readonly JournalLine[]): readonly Told[] {
  const told = connections(journal);
  const byId = new Map(journal.map((line) => [line.id, line] as const));
  const placeOf = new Map(told.flatMap(({ sent }, place) => sent.map((line) => [line.id, place] as const)));
  const ids = new Set<string | undefined>();
  let at = 0;
  for (const row of rows) {
    if (ids.has(row.id)) throw new Error(`trade ${row.id} stands there twice`);
    ids.add(row.id);
    let place = at;
    while (place < told.length && !isTrade(row, next(told[place]))) place++;
    const one = told[place];
    if (one !== undefined) {
      at = place;
      one.recorded++;
      continue;
    }
    const line = byId.get(row.id ?? '');
    const isAhead = (placeOf.get(row.id ?? '') ?? -1) >= at;
    if (isAhead || line === undefined || !isTrade(row, line))
      throw new Error(`trade ${row.id} is not what a connection was told next`);
  }
  return told;
}

/** Each join's snapshot as it was sent, then the changes that follow it, none left out but at the end. */
export function heldBook(rows: readonly CsvRecord[], journal: readonly JournalLine[]): readonly Told[] {
  const streams = connections(journal);
  const told: Told[] = [];
  const book = { bids: new Map<number, string>(), asks: new Map<number, string>() };
  let joined = -1;
  let stream = 0;
  let now: Told | null = null;
  let before: CsvRecord | null = null;
  for (const row of rows) {
    if (row.is_snapshot === 'true') {
      const at = journal.findIndex((line, index) => index > joined && line.snapshot && isBook(row, line));
      if (at >= 0) {
        joined = at;
        now = null;
      } else if (row.sequence === before?.sequence) {
        // The kept book once more, at the head of a new file.
        compareBook(row, book);
      } else {
        throw new Error(`snapshot ${row.sequence} was not sent`);
      }
      book.bids.clear();
      book.asks.clear();
    } else {
      if (now === null) {
        const snapshot = journal[joined];
        const at = streams.findIndex(
          (one, index) => index >= stream && isBook(row, following(one, snapshot)[0]),
        );
        const found = streams[at];
        if (found === undefined) throw new Error(`update ${row.sequence} is not what follows its snapshot`);
        stream = at;
        now = { conn: found.conn, sent: following(found, snapshot), recorded: 0 };
        told.push(now);
      }
      if (!isBook(row, next(now))) throw new Error(`update ${row.sequence} is not what was sent next`);
      if (before === null || !continues(row, before))
        throw new Error(`update ${row.sequence} does not continue`);
      now.recorded++;
    }
    apply(book.bids, row.bids);
    apply(book.asks, row.asks);
    before = row;
  }
  return told;
}

/** Rows of messages that were sent, none more often than it was. Two connections can carry one symbol's ticker. */
export function heldTicker(rows: readonly CsvRecord[], journal: readonly JournalLine[]): void {
  const left = new Map<string, number>();
  let ours = journal.filter((line) => line.timestampUs === null).length;
  for (const { timestampUs } of journal) {
    if (timestampUs !== null) left.set(String(timestampUs), (left.get(String(timestampUs)) ?? 0) + 1);
  }
  for (const { timestamp = '', local_timestamp } of rows) {
    const count = left.get(timestamp) ?? 0;
    if (count > 0) left.set(timestamp, count - 1);
    // Where the venue sends no time, ours stands in its place.
    else if (timestamp === local_timestamp && ours > 0) ours--;
    else throw new Error(`a ticker of ${timestamp}, received ${local_timestamp}, was not sent`);
  }
}

function connections(journal: readonly JournalLine[]): readonly Told[] {
  const sent = new Map<string, JournalLine[]>();
  for (const line of journal) {
    if (line.conn === 'rest') continue;
    const own = sent.get(line.conn);
    if (own === undefined) sent.set(line.conn, [line]);
    else own.push(line);
  }
  return [...sent].map(([conn, lines]) => ({ conn, sent: lines, recorded: 0 }));
}

const next = (told: Told | null | undefined): JournalLine | undefined => told?.sent[told.recorded];

/** Binance: what the REST snapshot does not hold yet; elsewhere what comes after the pushed one. */
function following({ sent }: Told, snapshot: JournalLine | undefined): readonly JournalLine[] {
  if (snapshot === undefined) return [];
  const last = snapshot.sequence ?? 0;
  const after =
    snapshot.conn !== 'rest'
      ? sent.slice(sent.indexOf(snapshot) + 1 || sent.length)
      : snapshot.symbol.includes(':')
        ? sent.filter((line) => (line.sequence ?? 0) >= last)
        : sent.filter((line) => (line.sequence ?? 0) > last);
  return after.filter((line) => !line.snapshot);
}

function isTrade(row: CsvRecord, line: JournalLine | undefined): boolean {
  return (
    line !== undefined &&
    row.id === line.id &&
    row.side === line.side &&
    row.price === line.price &&
    row.amount === line.amount &&
    row.timestamp === String(line.timestampUs)
  );
}

function isBook(row: CsvRecord, line: JournalLine | undefined): boolean {
  if (line === undefined || row.bids !== levels(line.bids) || row.asks !== levels(line.asks)) return false;
  // bitFlyer numbers nothing: the count is ours.
  if (line.sequence === null) return true;
  return row.sequence === String(line.sequence) && row.prev_sequence === String(line.prevSequence ?? '');
}

/** DESIGN 6.3. */
function continues(row: CsvRecord, before: CsvRecord): boolean {
  const [own, previous, snapshot] = [row.sequence, row.prev_sequence, row.snapshot_sequence].map(Number);
  if (own === undefined || previous === undefined || snapshot === undefined) return false;
  if (row.snapshot_sequence !== before.snapshot_sequence) return false;
  if (before.is_snapshot === 'true') return previous <= snapshot && snapshot <= own;
  return previous === Number(before.sequence);
}

function apply(side: Map<number, string>, cell: string | undefined): void {
  for (const [price, amount] of JSON.parse(cell ?? '[]') as Side) {
    if (Number(amount) === 0) side.delete(Number(price));
    else side.set(Number(price), amount);
  }
}

function compareBook(row: CsvRecord, book: { bids: Map<number, string>; asks: Map<number, string> }): void {
  for (const name of ['bids', 'asks'] as const) {
    const told = (JSON.parse(row[name] ?? '[]') as Side).map(
      ([price, amount]) => `${Number(price)} ${amount}`,
    );
    const kept = [...book[name]].map(([price, amount]) => `${price} ${amount}`);
    if (told.length !== kept.length || kept.some((level) => !told.includes(level)))
      throw new Error(`the ${name} of snapshot ${row.sequence} are neither sent nor those before it`);
  }
}
