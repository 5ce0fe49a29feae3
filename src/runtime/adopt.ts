/** How far an earlier run came with a gap of trades that it left open, as the tail of its file shows. */

import type { Gap, GapSide } from '../core/gap.ts';
import { compareIds, idsBetween } from '../core/trade-order.ts';
import type { Venue } from '../core/venue.ts';
import type { Adopted } from './gaps.ts';

/**
 * `to`: the first row behind it, where the ledger knows it; `ids`: of the newest rows, in the order of the file, in which
 * what was fetched stands behind newer trades. Null: the file does not show how much was fetched.
 */
export function adoptedOf(
  venue: Pick<Venue, 'rest'>,
  gap: Gap,
  to: GapSide | undefined,
  ids: readonly string[],
): Adopted | null {
  const from = gap.from.id ?? '';
  const isUp = venue.rest.history?.pages === 'up';
  const above = ids.filter((id) => (compareIds(id, from) ?? 0) > 0).sort(byId);
  if (compareIds(from, from) === null) return byPlace(from, to, ids);
  const before = to?.first_id ?? to?.id;
  if (before !== undefined) {
    const had = above.filter((id) => (compareIds(id, before) ?? 0) < 0);
    // Fetched rows come after both.
    if (had.length === 0 && !ids.includes(from) && !ids.includes(to?.id ?? '')) return null;
    const [first] = had;
    if (!isUp) return { after: from, behind: to ?? null, at: first ?? null };
    // A break is what the venue did not have, and the earlier run did not come to say so.
    const last = reached(ids.includes(from) ? from : (first ?? from), had);
    return { after: from, behind: to ?? null, at: last === from ? null : last };
  }
  const [lowest] = above;
  if (!ids.includes(from)) return null;
  if (lowest === undefined) return { after: from, behind: null, at: null };
  // Nothing lay behind it: what there is was fetched, upwards without a break, or downwards from the newest.
  if (!isUp) return { after: from, behind: { id: lowest }, at: null };
  const after = reached(from, above);
  const behind = above.find((id) => (compareIds(id, after) ?? 0) > 0);
  return { after, behind: behind === undefined ? null : { id: behind }, at: null };
}

/** The last of these ids to which they count up from one without a break. */
function reached(from: string, ids: readonly string[]): string {
  let last = from;
  for (const id of ids) {
    const between = idsBetween(last, id);
    if (between === null || between > 0) break;
    if (between === 0) last = id;
  }
  return last;
}

/** The first trade of the tail that lies behind an id. */
export function lowestAbove(from: string, ids: readonly string[]): GapSide {
  const [id] = ids.filter((one) => (compareIds(one, from) ?? 1) > 0).sort(byId);
  return id === undefined ? {} : { id };
}

/** Of ids that are no numbers: what stands behind it in the file. */
function byPlace(from: string, to: GapSide | undefined, ids: readonly string[]): Adopted | null {
  const at = ids.indexOf(from);
  if (at === -1) return null;
  const next = to?.id ?? ids[at + 1];
  return { after: from, behind: next === undefined ? null : (to ?? { id: next }), at: null };
}

const byId = (a: string, b: string): number => compareIds(a, b) ?? 0;
