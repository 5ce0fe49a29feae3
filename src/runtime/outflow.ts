/** Events into batches. What the full queue does not take is lost, counted and said. */

import type { Capture } from '../core/capture.ts';
import type { MarketEvent } from '../core/event.ts';
import type { Top } from '../flow/rows.ts';
import type { Batcher } from './batcher.ts';
import type { Place } from './places.ts';

export interface OutflowPort {
  readonly batcher: Pick<Batcher, 'add'>;
  readonly capture: Pick<Capture, 'note'> | null;
  /** The event is a row. */
  taken(event: MarketEvent): void;
  /** The symbol begins to lose events: the queue is full. */
  onOverflow(symbol: string): void;
  /** It cannot be encoded as a row. */
  quarantine(event: MarketEvent, reason: string): void;
  /** A change of a book is no row: the book must be joined anew. */
  onBroken(symbol: string, reason: string): void;
}

export interface Outflow {
  /** The next events are of another frame or answer. */
  begin(): void;
  /** Whether it is a row. */
  add(event: MarketEvent, top: Top | null, place: Readonly<Place>): boolean;
  /** The symbol is not recorded any more. */
  forget(symbol: string): void;
  /** Symbols that are losing events now; of a book, until a snapshot closes the hole. */
  losing(): ReadonlySet<string>;
  /** Events lost because the queue was full, by symbol. */
  dropped(): ReadonlyMap<string, number>;
}

export function createOutflow({ batcher, capture, ...port }: OutflowPort): Outflow {
  const losing = new Set<string>();
  const dropped = new Map<string, number>();
  /** Events that the newest frame or answer has given: a capture says by it which of them were lost. */
  let given = 0;

  return {
    begin() {
      given = 0;
    },
    add(event, top, place) {
      given += 1;
      const { symbol } = event;
      const isLosing = losing.size > 0 && losing.has(symbol);
      // The reader of the file must not take the rows after the hole for a continuation.
      const isOrphan = isLosing && event.type === 'book' && !event.snapshot;
      const added = isOrphan ? 'full' : batcher.add(event, top, place);
      if (added === 'taken') {
        if (isLosing) losing.delete(symbol);
        port.taken(event);
        return true;
      }
      if (added === 'full') {
        dropped.set(symbol, (dropped.get(symbol) ?? 0) + 1);
        capture?.note('overflow', { symbol, event: given });
        if (!isLosing) {
          losing.add(symbol);
          port.onOverflow(symbol);
        }
      } else {
        port.quarantine(event, added);
      }
      if (event.type === 'book' && !isOrphan) port.onBroken(symbol, added === 'full' ? 'overflow' : added);
      return false;
    },
    forget(symbol) {
      losing.delete(symbol);
      dropped.delete(symbol);
    },
    losing: () => losing,
    dropped: () => dropped,
  };
}
