/**
 * One symbol's book while two connections tell of it. The one that feeds it goes on; what the other says is kept aside
 * until both stand at the same number, and from there on that one feeds it: no message is missed, none applied twice.
 * All depends on messages alone, so that a replay of them does the same.
 */

import type { BookSync } from './book-sync.ts';
import type { BookMessage } from './event.ts';
import type { BookRule } from './venue.ts';

/** What does not line up within this time (of receipt) is joined anew on the newer connection. */
const LINE_UP_US = 5_000_000;
/** Messages kept aside; with more it is joined anew too. */
const KEPT_LIMIT = 2_000;

export interface BookHandover {
  /** Applies a message, keeps it aside, or (false) leaves it out: another connection feeds the book. */
  on(connection: string, message: BookMessage): boolean;
  /** It ended. `heir`: an open connection that has its streams; the numbers will tell what was missed. */
  closed(connection: string, heir: string | null, reason: string): void;
  /** The connection that feeds it. */
  owner(): string | null;
}

export function createBookHandover(sync: BookSync, { snapshot }: BookRule): BookHandover {
  let owner: string | null = null;
  /** Those that fed it before, and are still open. */
  const retired = new Set<string>();
  let challenger: string | null = null;
  let kept: BookMessage[] = [];
  /** Numbers at which the book stood since there is a challenger: what says them again is known. */
  const stood = new Set<number>();

  const stands = (): void => {
    const last = sync.last();
    if (last !== null) stood.add(last);
  };

  const own = (connection: string): readonly BookMessage[] => {
    const messages = kept;
    if (owner !== null) retired.add(owner);
    retired.delete(connection);
    owner = connection;
    challenger = null;
    kept = [];
    return messages;
  };

  const keep = (connection: string, message: BookMessage): void => {
    if (challenger !== connection) {
      kept = [];
      stood.clear();
      stands();
    }
    challenger = connection;
    // Nothing before its snapshot counts, and each begins anew.
    if (message.snapshot) kept = [message];
    else if (snapshot === 'rest' || kept.length > 0) kept.push(message);
  };

  /** What follows the number at which the book stands; null: the other connection is somewhere else. */
  const following = (): readonly BookMessage[] | null => {
    const last = sync.last();
    if (sync.state() !== 'synced' || last === null) return null;
    const at = kept.findLastIndex(({ sequence }) => sequence === last);
    if (at >= 0) return kept.slice(at + 1);
    const [first] = kept;
    if (first?.snapshot === false && first.prevSequence === last) return kept;
    // Behind, on the same way: it will come to where the book stands.
    const newest = kept.at(-1)?.sequence ?? null;
    return newest !== null && stood.has(newest) ? [] : null;
  };

  const goOver = (localUs: number): void => {
    const [first] = kept;
    if (first === undefined || challenger === null) return;
    const isFree = snapshot === 'pushed' || (snapshot === 'subscribe' && sync.state() !== 'synced');
    const isLate = kept.length > KEPT_LIMIT || Math.abs(localUs - first.localUs) > LINE_UP_US;
    const next = isFree ? null : following();
    if (next !== null) {
      own(challenger);
      for (const message of next) sync.on(message);
    } else if (isFree || isLate) {
      stood.clear();
      sync.replace('handover', own(challenger));
    }
  };

  /** The new connection says again what the old one has said. */
  const isKnown = ({ sequence }: BookMessage): boolean => {
    if (stood.size === 0 || challenger !== null) return false;
    if (sequence !== null && stood.has(sequence)) return true;
    stood.clear();
    return false;
  };

  return {
    owner: () => owner,
    on(connection, message) {
      if (retired.has(connection)) return false;
      if (owner === null || owner === connection) {
        owner = connection;
        if (isKnown(message)) return false;
        sync.on(message);
        if (challenger !== null) stands();
      } else keep(connection, message);
      goOver(message.localUs);
      return true;
    },
    closed(connection, heir, reason) {
      retired.delete(connection);
      if (challenger === connection) {
        challenger = null;
        kept = [];
        stood.clear();
      }
      if (owner !== connection) return;
      const to = challenger ?? heir;
      const wasSynced = sync.state() === 'synced';
      owner = null;
      // Whoever is left may feed it again.
      retired.clear();
      if (to !== null && kept.length > 0) {
        stood.clear();
        return sync.replace(reason, own(to));
      }
      if (to !== null && snapshot === 'rest' && wasSynced) own(to);
      else sync.resync(reason);
    },
  };
}
