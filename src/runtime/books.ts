/** The kept books of a feed by symbol, each with the connection that feeds it. */

import { type BookHandover, createBookHandover } from '../core/book-handover.ts';
import { type BookSync, createBookSync } from '../core/book-sync.ts';
import type { DriftVerdict } from '../core/drift.ts';
import type { BookChange, BookMessage, Market } from '../core/event.ts';
import type { BookRule } from '../core/venue.ts';

export interface BooksPort {
  rule(market: Market): BookRule;
  /** A message was applied: one row. */
  applied(change: BookChange, sync: BookSync): void;
  needSnapshot(symbol: string, reason: string): void;
  lost(symbol: string, reason: string): void;
  drift(verdict: DriftVerdict): void;
}

export interface Books {
  /** A message of a stream; false: it is left out, another connection feeds the book. */
  on(connection: string, message: BookMessage): boolean;
  /** The snapshot that a book is joined by. */
  snapshot(message: BookMessage): void;
  polled(message: BookMessage): void;
  /** The books that this connection feeds are joined anew. */
  resyncOf(connection: string, reason: string): void;
  /** It ended; `heir`: an open connection that has its streams. */
  closed(connection: string, heir: string | null, reason: string): void;
  /** Some book is fed by it. */
  isOwner(connection: string): boolean;
  all(): ReadonlyMap<string, BookSync>;
  /** The symbol is not recorded any more. */
  forget(symbol: string): void;
}

export function createBooks(port: BooksPort): Books {
  const books = new Map<string, BookSync>();
  const handovers = new Map<string, BookHandover>();

  const create = (symbol: string, rule: BookRule): BookSync => {
    const sync: BookSync = createBookSync(rule, {
      applied: (change) => port.applied(change, sync),
      needSnapshot: (reason) => port.needSnapshot(symbol, reason),
      lost: (reason) => port.lost(symbol, reason),
      drift: port.drift,
    });
    books.set(symbol, sync);
    handovers.set(symbol, createBookHandover(sync, rule));
    return sync;
  };

  const of = ({ symbol, market }: BookMessage): BookSync =>
    books.get(symbol) ?? create(symbol, port.rule(market));

  return {
    on(connection, message) {
      of(message);
      return handovers.get(message.symbol)?.on(connection, message) ?? false;
    },
    snapshot: (message) => of(message).on(message),
    polled: (message) => of(message).polled(message),
    resyncOf(connection, reason) {
      for (const [symbol, one] of handovers)
        if (one.owner() === connection) books.get(symbol)?.resync(reason);
    },
    closed(connection, heir, reason) {
      for (const one of handovers.values()) one.closed(connection, heir, reason);
    },
    isOwner: (connection) => [...handovers.values()].some((one) => one.owner() === connection),
    all: () => books,
    forget(symbol) {
      books.delete(symbol);
      handovers.delete(symbol);
    },
  };
}
