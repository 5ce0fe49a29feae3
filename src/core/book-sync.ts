/**
 * One symbol's book from its messages: `joining → synced → resyncing` (DESIGN 7); `polled` while REST answers stand in
 * for a stream. The venue's sequence rule is
 * checked at the join and on every later message; only what was applied to a synced book becomes a row.
 */

import { applyDelta, type Book, createBook, isCrossed, levelsOf, resetBook } from './book.ts';
import { createDriftCheck, type DriftVerdict } from './drift.ts';
import type { BookChange, BookMessage } from './event.ts';
import type { BookRule } from './venue.ts';

export type BookState = 'joining' | 'synced' | 'resyncing' | 'polled';

/** Deltas that wait for a REST snapshot; past this the oldest go, and the join then finds the gap. */
const WAITING_LIMIT = 10_000;

/**
 * A venue that begins its numbers anew sends outdated ones for ever. A snapshot ahead of its stream makes some: at ten
 * messages a second these are five seconds of them.
 */
const OUTDATED_RUN = 50;

export interface BookSyncPort {
  /** A message was applied: one row. */
  applied(change: BookChange): void;
  /** A snapshot is needed: by REST, or by subscribing anew. Called again when an answer was too old. */
  needSnapshot(reason: string): void;
  /** A synced book was lost and will be joined anew. */
  lost(reason: string): void;
  /** A pushed snapshot was compared with the kept book. */
  drift(verdict: DriftVerdict): void;
}

export interface BookSync {
  readonly book: Book;
  state(): BookState;
  /** The number of the newest message that was applied; null before the first, and where the venue numbers nothing. */
  last(): number | null;
  /** Deltas that said nothing new (a repeated or outdated message). */
  stale(): number;
  /** Messages so far, applied or not. */
  received(): number;
  on(message: BookMessage): void;
  /** A whole book by REST: a row, unless a stream keeps the book, which then is the newer. */
  polled(snapshot: BookMessage): void;
  /** Gives the book up and joins anew: the connection ended, a message was lost or refused. */
  resync(reason: string): void;
  /** Gives the book up for messages that begin it anew: of another connection. */
  replace(reason: string, messages: readonly BookMessage[]): void;
  /** The kept book as a snapshot of our own, best levels first, received at `localUs`. Null while it is not synced. */
  snapshotOf(localUs: number): BookChange | null;
}

export function createBookSync(rule: BookRule, port: BookSyncPort): BookSync {
  const book = createBook();
  const drift = rule.snapshot === 'pushed' ? createDriftCheck() : null;
  let state: BookState = 'joining';
  let waiting: BookMessage[] = [];
  let candidate: BookMessage | null = null;
  let last: number | null = null;
  /** The newest message that was applied. */
  let applied: BookMessage | null = null;
  let snapshotSequence: number | null = null;
  /** The next delta is the first after its snapshot: judged by the join rule. */
  let first = false;
  let stale = 0;
  /** Outdated messages that followed one another, and the number of the newest. */
  let outdated = { run: 0, sequence: null as number | null };
  let received = 0;
  /** As of the newest whole group of messages. A book that the venue itself has crossed (an auction) is left so. */
  let crossed = false;
  /** Where the venue numbers nothing, our own count of messages. */
  let count = 0;

  const isNumbered = rule.snapshot !== 'pushed';

  /** A message as a row. Field by field: a spread costs more than the rest of it, for every message. */
  const row = (m: BookMessage, sequence: number | null, prevSequence: number | null): BookChange => ({
    type: 'book',
    market: m.market,
    symbol: m.symbol,
    timestampUs: m.timestampUs,
    localUs: m.localUs,
    snapshot: m.snapshot,
    sequence,
    prevSequence,
    snapshotSequence,
    bids: m.bids,
    asks: m.asks,
  });

  const take = (snapshot: BookMessage): void => {
    resetBook(book, snapshot.bids, snapshot.asks);
    crossed = isCrossed(book);
    outdated = { run: 0, sequence: null };
    last = isNumbered ? snapshot.sequence : count;
    snapshotSequence = last;
    first = true;
    state = 'synced';
    drift?.reset(snapshot);
    applied = snapshot;
    port.applied(row(snapshot, last, null));
  };

  const apply = (delta: BookMessage): void => {
    applyDelta(book, delta.bids, delta.asks);
    drift?.touch(delta);
    applied = delta;
    first = false;
    if (isNumbered) {
      last = delta.sequence;
      port.applied(row(delta, delta.sequence, delta.prevSequence));
    } else {
      count += 1;
      last = count;
      port.applied(row(delta, count, count - 1));
    }
  };

  const lose = (reason: string): void => {
    const wasSynced = state === 'synced';
    if (wasSynced) state = 'resyncing';
    waiting = [];
    candidate = null;
    if (wasSynced) port.lost(reason);
  };

  /**
   * Says nothing new. Where numbers only grow, anything up to the last one; elsewhere (a venue's restart begins them
   * anew) only the last message once more: an unchained number is a break, or a frozen book would pass for a quiet one.
   */
  const isOutdated = ({ sequence }: BookMessage): boolean => {
    if (sequence === null || last === null) return false;
    return rule.snapshot === 'rest' ? sequence <= last : sequence === last;
  };

  /** Says nothing new; false where so many that follow one another say that the numbers began anew. */
  const isStale = ({ sequence, prevSequence }: BookMessage): boolean => {
    stale += 1;
    outdated = { run: prevSequence === outdated.sequence ? outdated.run + 1 : 1, sequence };
    return outdated.run < OUTDATED_RUN;
  };

  const onSynced = (delta: BookMessage): void => {
    if (!isNumbered) return apply(delta);
    if (first) {
      const step = rule.join(delta, snapshotSequence);
      if (step === 'joins') return apply(delta);
      if (step === 'stale' && isStale(delta)) return;
    } else {
      if (delta.prevSequence === last) return apply(delta);
      if (isOutdated(delta) && isStale(delta)) return;
    }
    const reason = `sequence: ${last} is followed by ${delta.prevSequence}`;
    lose(reason);
    if (rule.snapshot === 'rest') waiting.push(delta);
    port.needSnapshot(reason);
  };

  /** Joins the REST snapshot at hand to the deltas that waited for it, or finds it too old. */
  const tryJoin = (): void => {
    if (candidate === null || waiting.length === 0) return;
    const snapshot = candidate;
    candidate = null;
    const at = waiting.findIndex((delta) => rule.join(delta, snapshot.sequence) !== 'stale');
    const next = waiting[at];
    if (next !== undefined && rule.join(next, snapshot.sequence) === 'gap') {
      return port.needSnapshot(
        `snapshot ${snapshot.sequence} is older than the stream (${next.prevSequence})`,
      );
    }
    // What waited long before its snapshot is outdated, however much it is: no sign of numbers that began anew.
    const deltas = next === undefined ? [] : waiting.slice(at);
    stale += waiting.length - deltas.length;
    waiting = [];
    take(snapshot);
    for (const delta of deltas) on(delta);
  };

  const onWaiting = (delta: BookMessage): void => {
    if (rule.snapshot !== 'rest') return;
    // Numbers that go back began anew: no snapshot joins those before.
    if ((delta.sequence ?? 0) < (waiting.at(-1)?.sequence ?? 0)) waiting = [];
    waiting.push(delta);
    if (waiting.length > WAITING_LIMIT) waiting.shift();
    if (waiting.length === 1 && candidate === null) port.needSnapshot(state);
    tryJoin();
  };

  /** The snapshot that the book is, at the same moment: the venue said it twice. */
  const isAgain = ({ sequence, timestampUs, localUs }: BookMessage): boolean =>
    state === 'synced' &&
    applied?.snapshot === true &&
    applied.sequence === sequence &&
    applied.timestampUs === timestampUs &&
    applied.localUs === localUs;

  const onSnapshot = (snapshot: BookMessage): void => {
    switch (rule.snapshot) {
      case 'subscribe':
        if (isAgain(snapshot)) stale += 1;
        else take(snapshot);
        return;
      case 'pushed':
        if (state !== 'synced') return take(snapshot);
        return drift?.observe(snapshot);
      case 'rest':
        if (state === 'synced') return;
        candidate = snapshot;
        return tryJoin();
    }
  };

  const settleDrift = (localUs: number): void => {
    const verdict = drift?.settle(book, localUs);
    if (!verdict) return;
    port.drift(verdict);
    const before = crossed;
    crossed = isCrossed(book);
    if (verdict.replace || (crossed && !before)) {
      lose(verdict.replace ? `drift ${verdict.differing} of ${verdict.compared} levels, twice` : 'crossed');
    }
  };

  /** All that came at one time is applied: bids that reach the asks are a mistake of ours, or of the venue. */
  const settleGroup = (): void => {
    const before = crossed;
    crossed = isCrossed(book);
    if (!crossed || before) return;
    lose('crossed');
    // By REST, the next change asks for it.
    if (rule.snapshot === 'subscribe') port.needSnapshot('crossed');
  };

  const on = (message: BookMessage): void => {
    received += 1;
    if (state === 'synced') {
      if (drift !== null) settleDrift(message.localUs);
      else if (message.localUs !== applied?.localUs) settleGroup();
    }
    if (message.snapshot) onSnapshot(message);
    else if (state === 'synced') onSynced(message);
    else onWaiting(message);
  };

  return {
    book,
    state: () => state,
    last: () => (isNumbered ? last : null),
    stale: () => stale,
    received: () => received,
    on,
    polled(snapshot) {
      if (state === 'synced') return;
      state = 'polled';
      resetBook(book, snapshot.bids, snapshot.asks);
      if (!isNumbered) count += 1;
      snapshotSequence = isNumbered ? snapshot.sequence : count;
      applied = snapshot;
      port.applied(row(snapshot, snapshotSequence, null));
    },
    resync(reason) {
      const wasSynced = state === 'synced';
      lose(reason);
      if (wasSynced && rule.snapshot === 'subscribe') port.needSnapshot(reason);
    },
    replace(reason, messages) {
      lose(reason);
      for (const message of messages) on(message);
    },
    snapshotOf(localUs) {
      if (state !== 'synced' || applied === null) return null;
      snapshotSequence = last;
      // What follows continues it by number, as it did before.
      const ours = {
        ...applied,
        localUs,
        snapshot: true,
        bids: levelsOf(book.bids),
        asks: levelsOf(book.asks),
      };
      return row(ours, last, null);
    },
  };
}
