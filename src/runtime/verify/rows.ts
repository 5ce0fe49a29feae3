/** The cells of a line as a row of its feed, or what is wrong with it. */

import { isDecimal } from '../../core/decimal.ts';
import type { Feed, Level } from '../../core/event.ts';
import { isPlausibleUs } from '../../core/time.ts';
import { HEADERS } from '../../flow/rows.ts';

type Cells = readonly string[];

export interface Stamps {
  readonly timestampUs: number;
  readonly localUs: number;
}

export interface TradeRow extends Stamps {
  readonly id: string;
}

export interface BookRow extends Stamps {
  readonly snapshot: boolean;
  readonly sequence: number | null;
  readonly prevSequence: number | null;
  readonly snapshotSequence: number | null;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** Where a column stands. Those of a later version stand behind it. */
function placesIn(feed: Feed): (name: string) => number {
  const names = HEADERS[feed].split(',');
  return (name) => names.indexOf(name);
}

const common = placesIn('trades');
const [TIMESTAMP, LOCAL] = [common('timestamp'), common('local_timestamp')];
const [ID, SIDE, PRICE, AMOUNT] = (['id', 'side', 'price', 'amount'] as const).map(common) as [
  number,
  number,
  number,
  number,
];
const inBook = placesIn('orderbook');
const [SNAPSHOT, SEQUENCE, BIDS, ASKS] = [
  inBook('is_snapshot'),
  inBook('sequence'),
  inBook('bids'),
  inBook('asks'),
];
const [PREVIOUS, OF_SNAPSHOT] = [inBook('prev_sequence'), inBook('snapshot_sequence')];
const TICKER_NUMBERS = placesIn('ticker')('ask_amount');
const TICKER_CELLS = HEADERS.ticker.split(',').length;

const SIDES = new Set(['buy', 'sell', 'unknown']);

/** What is wrong with the times. */
function wrongTime(cells: Cells, timestampUs: number, localUs: number): string | null {
  if (!isPlausibleUs(timestampUs)) return `timestamp: ${shown(cells[TIMESTAMP])}`;
  return isPlausibleUs(localUs) ? null : `local_timestamp: ${shown(cells[LOCAL])}`;
}

export function tradeOf(cells: Cells): TradeRow | string {
  const timestampUs = wholeOf(cells[TIMESTAMP]);
  const localUs = wholeOf(cells[LOCAL]);
  const wrong = wrongTime(cells, timestampUs, localUs);
  if (wrong !== null) return wrong;
  const id = cells[ID] ?? '';
  if (id === '') return 'id: empty';
  if (!SIDES.has(cells[SIDE] ?? '')) return `side: ${shown(cells[SIDE])}`;
  if (!isDecimal(cells[PRICE])) return `price: ${shown(cells[PRICE])}`;
  if (!isDecimal(cells[AMOUNT])) return `amount: ${shown(cells[AMOUNT])}`;
  return { timestampUs, localUs, id };
}

export function tickerOf(cells: Cells): Stamps | string {
  const timestampUs = wholeOf(cells[TIMESTAMP]);
  const localUs = wholeOf(cells[LOCAL]);
  const wrong = wrongTime(cells, timestampUs, localUs);
  if (wrong !== null) return wrong;
  for (let at = TICKER_NUMBERS; at < TICKER_CELLS; at++) {
    const cell = cells[at];
    if (cell !== '' && !isDecimal(cell)) return `${HEADERS.ticker.split(',')[at]}: ${shown(cell)}`;
  }
  return { timestampUs, localUs };
}

export function bookOf(cells: Cells): BookRow | string {
  const timestampUs = wholeOf(cells[TIMESTAMP]);
  const localUs = wholeOf(cells[LOCAL]);
  const wrong = wrongTime(cells, timestampUs, localUs);
  if (wrong !== null) return wrong;
  const snapshot = cells[SNAPSHOT] === 'true';
  if (!snapshot && cells[SNAPSHOT] !== 'false') return `is_snapshot: ${shown(cells[SNAPSHOT])}`;
  const sequence = numberOf(cells[SEQUENCE]);
  if (sequence === undefined) return `sequence: ${shown(cells[SEQUENCE])}`;
  const prevSequence = numberOf(cells[PREVIOUS]);
  if (prevSequence === undefined || (snapshot && prevSequence !== null))
    return `prev_sequence: ${shown(cells[PREVIOUS])}`;
  const snapshotSequence = numberOf(cells[OF_SNAPSHOT]);
  if (snapshotSequence === undefined || (snapshot && snapshotSequence !== sequence))
    return `snapshot_sequence: ${shown(cells[OF_SNAPSHOT])}`;
  const bids = levelsOf(cells[BIDS]);
  if (bids === null) return `bids: ${shown(cells[BIDS])}`;
  const asks = levelsOf(cells[ASKS]);
  if (asks === null) return `asks: ${shown(cells[ASKS])}`;
  return { timestampUs, localUs, snapshot, sequence, prevSequence, snapshotSequence, bids, asks };
}

/** NaN for what is no whole number of at most 16 digits. For every time of every row: a loop is faster than a pattern. */
export function wholeOf(text: string | undefined): number {
  if (text === undefined || text.length === 0 || text.length > 16) return Number.NaN;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Null for an empty cell, undefined for what is no whole number. */
function numberOf(text: string | undefined): number | null | undefined {
  if (text === '') return null;
  const number = text?.startsWith('-') ? -wholeOf(text.slice(1)) : wholeOf(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * `[["price","amount"],…]` as it is written, byte for byte: a level of something else, or JSON with blanks in it, is
 * not ours. (Several times the speed of a JSON parser, and levels are most of what there is.)
 */
function levelsOf(text: string | undefined): readonly Level[] | null {
  if (text === '[]') return [];
  if (text === undefined || !text.startsWith('[["') || !text.endsWith('"]]')) return null;
  const levels: Level[] = [];
  for (const level of text.slice(3, -3).split('"],["')) {
    const at = level.indexOf('","');
    const price = level.slice(0, at);
    const amount = level.slice(at + 3);
    if (at < 0 || !isDecimal(price) || !isDecimal(amount)) return null;
    levels.push([price, amount]);
  }
  return levels;
}

const shown = (cell: string | undefined): string =>
  cell === undefined ? 'missing' : JSON.stringify(cell.length > 40 ? `${cell.slice(0, 40)}…` : cell);
