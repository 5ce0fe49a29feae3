/**
 * What the venues' numbers promise, and where that is known from: the one table that a new venue adds a line to. A venue
 * without a line promises nothing: of its trades only duplicates are known.
 */

export interface Numbering {
  /** Trade ids of a file count up by one, so that one left out is a trade that is missing. */
  readonly denseIds: boolean;
  /** The book's numbers are our own count of messages: the same number again proves nothing. */
  readonly ownCount: boolean;
}

const NONE: Numbering = { denseIds: false, ownCount: false };

const TABLE: Readonly<Record<string, Numbering>> = {
  // `t` and `a` both count per symbol (spot API docs: historicalTrades and aggTrades by fromId).
  'binance spot': { denseIds: true, ownCount: false },
  // `a` counts per symbol. `t` does not: off-book trades take ids and are left out (binance-public-data #363, #378);
  // a file of `stream: trade` is named with --sparse.
  'binance linear': { denseIds: true, ownCount: false },
  // Nothing is promised of the numbers on spot; linear has UUIDs.
  'bybit spot': NONE,
  'bybit linear': NONE,
  // A row stands for `count` fills, and its id is the last of them.
  'okx spot': NONE,
  'okx linear': NONE,
  // One counter of executions for all products; boards have no number.
  'bitflyer spot': { denseIds: false, ownCount: true },
  'bitflyer linear': { denseIds: false, ownCount: true },
};

/** `market`: as `instruments.json` says, else told by the symbol. */
export function numberingOf(venue: string, market: string): Numbering {
  return TABLE[`${venue} ${market}`] ?? NONE;
}
