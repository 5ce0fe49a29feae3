/** A book as it was kept at a moment, made again from the files. */

import { join } from 'node:path';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { fileSymbol, parseSymbol } from '../../core/symbol.ts';
import { isoOf } from '../../core/time.ts';
import { rawFile } from '../../flow/rows.ts';
import { readInstruments } from '../../io/instruments.ts';
import { readJsonLines } from '../../io/json-lines.ts';
import { findRecorded } from '../../io/recorded-files.ts';
import { type MadeBook, makeBook } from './book-make.ts';
import { createGapLedger } from './ledger.ts';
import { numberingOf } from './numbering.ts';

const TRIES = 5;

export interface BookQuery {
  readonly dataDir: string;
  /** Null: the one venue that the symbol's book was recorded of. */
  readonly venue: string | null;
  readonly symbol: string;
  /** µs, by our clock at receipt. */
  readonly atUs: number;
}

export interface BookAt extends MadeBook {
  readonly venue: string;
  readonly symbol: string;
}

/**
 * Every row that was applied by then makes the book: a row is applied when it is received, one that waited for its
 * snapshot together with that. Fails with `unknown` (no such book there), `before` (its first snapshot came later),
 * `hole` (no book is known of that moment), or the system's code.
 */
export async function bookAt(query: BookQuery): Promise<Result<BookAt>> {
  for (let tries = 1; ; tries++) {
    const found = await lookUp(query);
    // The collector closed, sealed or removed a file while it was looked at.
    if (found.ok || found.error.code !== 'gone' || tries === TRIES) return found;
  }
}

async function lookUp(query: BookQuery): Promise<Result<BookAt>> {
  const { dataDir, symbol } = query;
  const recorded = await findRecorded(dataDir, (name) => name.startsWith('orderbook-'));
  if (!recorded.ok) return recorded;
  const venue = venueOf([...recorded.value.chains.keys()], query);
  if (!venue.ok) return venue;
  const stem = stemOf(venue.value, symbol);
  const told = await toldHole(query, venue.value);
  if (!told.ok) return told;
  const market = await marketOf(dataDir, venue.value, symbol);
  if (!market.ok) return market;
  const { ownCount } = numberingOf(venue.value, market.value);
  const rows = { dataDir, venue: venue.value, symbol };
  const made = await makeBook(rows, recorded.value.chains.get(stem) ?? [], query.atUs, ownCount);
  return made.ok ? ok({ venue: venue.value, symbol, ...made.value }) : made;
}

const stemOf = (venue: string, symbol: string): string =>
  rawFile(venue, 'orderbook', symbol).replace(/^raw\/|\.csv$/g, '');

function venueOf(stems: readonly string[], { venue, symbol, dataDir }: BookQuery): Result<string> {
  const ending = `-${fileSymbol(symbol)}`;
  const venues = stems
    .filter((stem) => stem.endsWith(ending))
    .map((stem) => stem.slice('orderbook-'.length, -ending.length))
    .filter((one) => stems.includes(stemOf(one, symbol)) && (venue === null || one === venue));
  const [one, ...more] = venues;
  if (one === undefined)
    return err(failure('unknown', `no book of ${[venue, symbol].filter(Boolean).join(' ')} in ${dataDir}`));
  if (more.length > 0)
    return err(failure('unknown', `${symbol} was recorded of ${venues.join(', ')}: say which with --venue`));
  return ok(one);
}

/** A gap of the ledger that the moment lies in. */
async function toldHole({ dataDir, symbol, atUs }: BookQuery, venue: string): Promise<Result<void>> {
  const ledger = createGapLedger();
  const read = await readJsonLines(join(dataDir, 'collector', 'gaps.jsonl'), ledger.take);
  if (!read.ok) return read;
  const gap = ledger
    .touching(venue, 'orderbook', atUs, atUs)
    .find((one) => one.symbol === symbol && one.fromUs < atUs && atUs < one.toUs);
  if (gap === undefined) return ok(undefined);
  const until = gap.isOpen ? 'and is still open' : `to ${isoOf(gap.toUs)}`;
  return err(failure('hole', `the ledger tells of a gap (${gap.kind}) from ${isoOf(gap.fromUs)} ${until}`));
}

async function marketOf(dataDir: string, venue: string, symbol: string): Promise<Result<string>> {
  const read = await readInstruments(dataDir);
  if (!read.ok) return read;
  const told = read.value.find((one) => one.ex === venue && one.symbol === symbol)?.market;
  return ok(told ?? parseSymbol(symbol)?.market ?? 'unknown');
}
