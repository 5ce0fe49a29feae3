/** What a running feed does when its symbols change: nothing of one that is gone is kept, nothing of the others touched. */

import type { Capture } from '../core/capture.ts';
import type { Located } from '../core/venue.ts';
import type { Batcher } from './batcher.ts';
import type { Holes } from './holes.ts';
import type { InstrumentSet } from './instrument-set.ts';
import type { Intake } from './intake.ts';
import type { KeptBooks } from './kept-books.ts';
import type { Outflow } from './outflow.ts';
import type { Poller } from './poller.ts';
import type { Left } from './protocol.ts';
import type { Snapshots } from './snapshots.ts';

export interface SymbolParts {
  readonly instruments: InstrumentSet;
  readonly intake: Intake;
  readonly holes: Holes;
  readonly batcher: Batcher;
  readonly poller: Poller;
  readonly outflow: Outflow;
  readonly keptBooks: KeptBooks;
  readonly snapshots: Snapshots;
  readonly capture: Capture | null;
}

/** Symbols that are new, and those whose last rows have been sent by now. */
export interface SymbolChange {
  readonly added: readonly Located[];
  readonly dropped: readonly string[];
}

/** The capture tells of it before anything that follows from it. */
export function changeSymbols(next: readonly Located[], left: Left, parts: SymbolParts): SymbolChange {
  const { instruments, intake, batcher, poller, outflow, keptBooks, snapshots, holes, capture } = parts;
  const { added, removed } = instruments.replace(next);
  capture?.instruments(next);
  if (removed.length > 0) batcher.flush();
  for (const { symbol } of removed) {
    poller.drop(symbol);
    for (const memory of [snapshots, intake, outflow, keptBooks, batcher, holes]) memory.forget(symbol);
  }
  takeUp(left, parts);
  return { added, dropped: removed.map(({ symbol }) => symbol) };
}

/** What earlier runs left: trades that stand in the files already, and what is missing since. */
export function takeUp(
  left: Left,
  { capture, intake, holes }: Pick<SymbolParts, 'capture' | 'intake' | 'holes'>,
): void {
  for (const [symbol, ids] of Object.entries(left.seen)) {
    capture?.note('seen', { symbol, ids: ids.join(' ') });
    intake.seen(symbol, ids);
  }
  holes.resume(left);
}
