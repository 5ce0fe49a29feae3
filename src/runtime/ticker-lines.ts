/**
 * Which connection each ticker stream is taken from, while two bring it: the old one until both have said the same, or
 * the new one goes on from what the old one said. A message of both is one row.
 */

import type { Ticker, TickerMessage } from '../core/event.ts';

export interface TickerLines {
  /** True when the message is a row; `ticker`: the symbol's newest row. */
  take(connection: string, stream: string, message: TickerMessage, ticker: Ticker | undefined): boolean;
  /** `heir`: an open connection that has its streams. */
  closed(connection: string, heir: string | null): void;
  /** Some stream is taken from it. */
  isOwner(connection: string): boolean;
  /** The symbol is not recorded any more. */
  forget(symbol: string): void;
}

/** Messages of one time that are remembered; of a venue whose time stands still there is no end of them. */
const MOST_TIES = 64;

interface Line {
  owner: string | null;
  last: TickerMessage | null;
  /** The newest messages of the same time or number as the last, when they are more than one. */
  ties: TickerMessage[] | null;
  /** The other connection, and its newest message: the time or number of that. */
  challenger: string | null;
  heard: number | null;
  /** The owner is new: what it says may have been said. */
  isCatchingUp: boolean;
  readonly retired: Set<string>;
}

export function createTickerLines(): TickerLines {
  const bySymbol = new Map<string, Map<string, Line>>();

  const lineOf = (symbol: string, stream: string): Line => {
    let streams = bySymbol.get(symbol);
    if (streams === undefined) {
      streams = new Map();
      bySymbol.set(symbol, streams);
    }
    let line = streams.get(stream);
    if (line === undefined) {
      const none = { owner: null, last: null, ties: null, challenger: null, heard: null };
      line = { ...none, isCatchingUp: false, retired: new Set() };
      streams.set(stream, line);
    }
    return line;
  };

  const row = (line: Line, message: TickerMessage): true => {
    const { last } = line;
    if (last === null || orderOf(last) !== orderOf(message)) line.ties = null;
    else if (line.ties === null) line.ties = [last, message];
    else if (line.ties.push(message) > MOST_TIES) line.ties.shift();
    line.last = message;
    return true;
  };

  const goOver = (line: Line, connection: string): void => {
    if (line.owner !== null) line.retired.add(line.owner);
    line.owner = connection;
    line.challenger = null;
    line.heard = null;
    line.isCatchingUp = true;
  };

  const all = (): Line[] => [...bySymbol.values()].flatMap((streams) => [...streams.values()]);

  return {
    take(connection, stream, message, ticker) {
      const line = lineOf(message.symbol, stream);
      if (line.retired.has(connection)) return false;
      line.owner ??= connection;
      if (line.owner === connection) {
        if (line.isCatchingUp) {
          if (isKnown(line, message, ticker)) return false;
          line.isCatchingUp = false;
        }
        row(line, message);
        const { challenger, heard } = line;
        if (challenger !== null && heard !== null && orderOf(message) >= heard) goOver(line, challenger);
        return true;
      }
      const { heard, last } = line;
      const isNews = !isKnown(line, message, ticker);
      line.challenger = connection;
      line.heard = orderOf(message);
      // It stands where the rows stand, or goes on from there.
      const isSame = last !== null && !isNews && line.heard === orderOf(last);
      const isNext = isNews && heard !== null && last !== null && heard <= orderOf(last);
      if (!isSame && !isNext) return false;
      goOver(line, connection);
      return isNews && row(line, message);
    },
    closed(connection, heir) {
      for (const line of all()) {
        line.retired.delete(connection);
        if (line.challenger !== connection && line.owner !== connection) continue;
        line.challenger = null;
        line.heard = null;
        if (line.owner !== connection) continue;
        line.owner = null;
        // Whoever is left may bring it again.
        line.retired.clear();
        line.isCatchingUp = heir !== null;
        if (heir === null) line.last = null;
      }
    },
    isOwner: (connection) => all().some(({ owner }) => owner === connection),
    forget: (symbol) => void bySymbol.delete(symbol),
  };
}

/** Grows with each message of a stream, or stays. */
const orderOf = ({ sequence, timestampUs }: TickerMessage): number => sequence ?? timestampUs;

/** It is older than the newest row, or says nothing that was not said at its time. */
function isKnown(line: Line, message: TickerMessage, ticker: Ticker | undefined): boolean {
  const { last, ties } = line;
  if (last === null || orderOf(message) > orderOf(last)) return false;
  if (orderOf(message) < orderOf(last)) return true;
  return (
    (ticker !== undefined && addsNothing(message, ticker)) ||
    (ties ?? [last]).some((one) => isEqual(one, message))
  );
}

const FIELDS = [
  'askAmount',
  'askPrice',
  'bidPrice',
  'bidAmount',
  'lastPrice',
  'baseVolume',
  'quoteVolume',
] as const;

const addsNothing = ({ fields }: TickerMessage, ticker: Ticker): boolean =>
  FIELDS.every((name) => fields[name] === undefined || fields[name] === ticker[name]);

const isEqual = (a: TickerMessage, b: TickerMessage): boolean =>
  FIELDS.every((name) => a.fields[name] === b.fields[name]);
