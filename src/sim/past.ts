/** The books as they were a while ago, for answers that are older than the stream. */

import type { SimBook, SimView, SimWindow } from '../core/sim.ts';

export interface Past {
  /** The market as it is: answers are made of it, so that what they ask for is known. */
  readonly now: SimView;
  /** Keeps the books as they are now; at most once a second, and for as long as any answer may be old. */
  remember(): void;
  forget(): void;
  /** The market with its books at least so old; null when none is remembered. */
  view(olderSec: number): PastView | null;
}

export interface PastView extends SimView {
  /** Whether what was given of it has changed since. */
  isOlder(): boolean;
}

interface Copy {
  readonly us: number;
  readonly books: ReadonlyMap<string, SimBook>;
  readonly windows: ReadonlyMap<string, SimWindow>;
}

const EVERY_US = 1_000_000;
const COPIES = 120;
/** More levels a side than any answer has. */
const DEPTH = 5_000;

export function createPast(live: SimView): Past {
  const copies: Copy[] = [];
  /** Windows that were asked for, by symbol and depth: the others need no copy. */
  const asked = new Map<string, readonly [symbol: string, depth: number]>();
  const keyOf = (symbol: string, depth: number): string => `${symbol} ${depth}`;

  return {
    now: {
      ...live,
      window(symbol, depth) {
        asked.set(keyOf(symbol, depth), [symbol, depth]);
        return live.window(symbol, depth);
      },
    },
    remember() {
      const us = live.steadyUs();
      if (us - (copies.at(-1)?.us ?? Number.NEGATIVE_INFINITY) < EVERY_US) return;
      copies.push({
        us,
        books: new Map(live.instruments.map(({ symbol }) => [symbol, live.book(symbol, DEPTH)])),
        windows: new Map([...asked].map(([key, [symbol, depth]]) => [key, live.window(symbol, depth)])),
      });
      if (copies.length > COPIES) copies.shift();
    },
    forget() {
      copies.length = 0;
    },
    view(olderSec) {
      const copy = copies.findLast(({ us }) => us <= live.steadyUs() - olderSec * 1e6);
      if (copy === undefined) return null;
      let isOlder = false;
      return {
        ...live,
        isOlder: () => isOlder,
        book(symbol, depth) {
          const now = live.book(symbol, depth);
          const then = copy.books.get(symbol) ?? now;
          isOlder ||= then.sequence !== now.sequence;
          return { ...then, bids: then.bids.slice(0, depth), asks: then.asks.slice(0, depth) };
        },
        window(symbol, depth) {
          const now = live.window(symbol, depth);
          const then = copy.windows.get(keyOf(symbol, depth)) ?? now;
          isOlder ||= then.sequence !== now.sequence;
          return then;
        },
      };
    },
  };
}
