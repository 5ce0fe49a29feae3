/** One book message of a recording dropped, doubled or swapped with the symbol's next, at every position. */

import { describe, expect, test } from 'vitest';
import type { BookChange } from '../../src/core/event.ts';
import { secondsToUs } from '../../src/core/time.ts';
import type { Venue } from '../../src/core/venue.ts';
import { venueById } from '../../src/venues/index.ts';
import { hasCaptures, type Line, recorded, WITHOUT } from '../support/expected.ts';
import { bench } from '../support/intake.ts';

if (!hasCaptures) console.warn(WITHOUT);

interface Played {
  readonly rows: readonly BookChange[];
  readonly lost: readonly string[];
  /** How many of each there are after each line. */
  readonly rowsAfter: readonly number[];
  readonly lostAfter: readonly number[];
}

/** Lines through a new intake, whose answers to REST are those of the recording. */
function play(venue: Venue, lines: readonly Line[]): Played {
  const bed = bench(venue, { feeds: ['orderbook'] });
  const rowsAfter: number[] = [];
  const lostAfter: number[] = [];
  for (const { t, conn = '', ts, url, data } of lines) {
    const localUs = secondsToUs(ts) ?? 0;
    if (t === 'connect') bed.intake.open(conn, url);
    if (t === 'recv') bed.intake.frame(conn, data, localUs);
    const answer = t === 'http' ? venue.rest.recognise(url) : null;
    if (answer?.kind === 'depth') {
      const symbol = venue.symbolOf(answer.id, answer.market) ?? '';
      const read = venue.rest.readDepth(data, { symbol, id: answer.id, market: answer.market }, localUs);
      if (read.ok) bed.intake.snapshot(read.value);
    }
    rowsAfter.push(bed.events.length);
    lostAfter.push(bed.lost.length);
  }
  const rows = bed.events.filter((event) => event.type === 'book');
  return { rows, lost: bed.lost, rowsAfter, lostAfter };
}

/** The symbol of each line that is a change of a book, or with `all` a snapshot too, by its place. */
function changes(venue: Venue, lines: readonly Line[], all: boolean): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const urls = new Map(
    lines.flatMap(({ t, conn = '', url }) => (t === 'connect' ? [[conn, url] as const] : [])),
  );
  for (const [at, { t, conn = '', data }] of lines.entries()) {
    if (t !== 'recv') continue;
    const read = venue.read(data);
    if (read.kind !== 'message') continue;
    venue.mapper({
      market: venue.marketOf(urls.get(conn) ?? ''),
      feeds: new Set(['orderbook']),
      options: { depth: 200, stream: null },
      symbolOf: (id, market) => venue.symbolOf(id, market) ?? undefined,
      emit(message) {
        if (message.type === 'book' && (all || !message.snapshot)) found.set(at, message.symbol);
      },
      ignore: () => undefined,
      orphan: () => undefined,
      reject: () => undefined,
    })(read.message, 1);
  }
  return found;
}

const without = (lines: readonly Line[], at: number): readonly Line[] =>
  lines.filter((_, place) => place !== at);

const others = (rows: readonly BookChange[], symbol: string): string =>
  rows
    .filter((row) => row.symbol !== symbol)
    .map((row) => `${row.symbol} ${row.snapshot} ${row.prevSequence} ${row.sequence}`)
    .join('\n');

const CASES = [
  ['binance-spot', 'binance'],
  ['binance-usdm', 'binance'],
  ['bybit-v5', 'bybit'],
] as const;

describe.skipIf(!hasCaptures).each(CASES)('%s', (name, venueId) => {
  const venue = venueById(venueId) as Venue;
  const lines = hasCaptures ? recorded(name) : [];
  const baseline = play(venue, lines);
  const messages = changes(venue, lines, true);
  const symbols = [...new Set(messages.values())];
  /** What one symbol's book is made of: books know nothing of one another, which the last test shows. */
  const own = symbols.map((symbol) => {
    const of = lines.filter(({ t }, at) => t !== 'recv' || messages.get(at) === symbol);
    const alone = play(venue, of);
    const places = [...changes(venue, of, false).keys()];
    /** Those that were a row of their own, and no more than that: they came to a joined book. */
    const synced = places.filter((at) => {
      const [before = 0, after = 0] = [alone.rowsAfter[at - 1], alone.rowsAfter[at]];
      const row = alone.rows[before];
      // USD-M joins with a change that the snapshot holds already: without it nothing is missing.
      return after === before + 1 && row?.snapshot === false && row.sequence !== row.snapshotSequence;
    });
    return { symbol, lines: of, alone, synced, next: (at: number) => places.find((place) => place > at) };
  });

  test('nothing is lost in the recording itself, and books are joined', () => {
    expect(baseline.lost).toEqual([]);
    expect(own.reduce((sum, { synced }) => sum + synced.length, 0)).toBeGreaterThan(10);
  });

  test('dropped: found on the symbol’s next message, not before and not after', () => {
    for (const { symbol, lines, synced, next } of own)
      for (const at of synced) {
        const got = play(venue, without(lines, at));
        const found = next(at);
        if (found === undefined) expect([symbol, at, got.lost]).toEqual([symbol, at, []]);
        else {
          expect([symbol, at, got.lost.length]).toEqual([symbol, at, 1]);
          expect(got.lost[0]?.startsWith(`${symbol}: sequence`)).toBe(true);
          // One line is missing, so the next stands a place before its own.
          expect([symbol, at, got.lostAfter[found - 2], got.lostAfter[found - 1]]).toEqual([
            symbol,
            at,
            0,
            1,
          ]);
        }
      }
  });

  test('doubled: nothing is lost, and no row is twice', () => {
    for (const { symbol, lines, alone, synced } of own)
      for (const at of synced) {
        const got = play(
          venue,
          lines.flatMap((line, place) => (place === at ? [line, line] : [line])),
        );
        expect([symbol, at, got.lost, got.rows.length]).toEqual([symbol, at, [], alone.rows.length]);
      }
  });

  test('swapped: found on the first of the two', () => {
    for (const { symbol, lines, synced, next } of own)
      for (const at of synced) {
        const other = next(at);
        if (other === undefined) continue;
        const faulty = [...lines];
        [faulty[at], faulty[other]] = [lines[other] as Line, lines[at] as Line];
        const got = play(venue, faulty);
        expect([symbol, at, got.lostAfter[at], got.lost.length]).toEqual([symbol, at, 1, 1]);
      }
  });

  test('no other symbol is touched', () => {
    const places = [...messages].filter((_, index) => index % 40 === 20);
    for (const [at, symbol] of places) {
      const got = play(venue, without(lines, at));
      expect([at, others(got.rows, symbol)]).toEqual([at, others(baseline.rows, symbol)]);
      expect([at, got.lost.filter((text) => !text.startsWith(`${symbol}: `))]).toEqual([at, []]);
    }
  });
});
