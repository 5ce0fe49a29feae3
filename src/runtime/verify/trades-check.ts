/** Trades: in order of receipt, no id twice, and none left out where ids are dense. */

import { createIdRanges, type IdHole } from '../../core/id-ranges.ts';
import { createRecentIds } from '../../core/recent-ids.ts';
import type { FeedCheck, FeedCheckPort } from './feed-check.ts';
import type { Spot } from './findings.ts';
import { isVenueTurned } from './order.ts';
import { type TradeRow, tradeOf, wholeOf } from './rows.ts';

/** Of ids that are not dense, duplicates are found among at least this many newest. */
const ID_REACH = 100_000;

interface At extends Spot {
  readonly us: number;
}

export function createTradesCheck({ order, times, findings, numbering }: FeedCheckPort): FeedCheck {
  const { denseIds } = numbering;
  let before: TradeRow | null = null;
  let first: string | null = null;
  let last: string | null = null;
  let duplicates = 0;
  let missing = 0;
  let late = 0;

  const onHole = ({ before: one, behind }: IdHole<At>): void => {
    const count = behind.id - one.id - 1;
    missing += count;
    findings.hole({
      kind: 'ids',
      spot: { file: behind.at.file, line: behind.at.line },
      fromUs: one.at.us,
      toUs: behind.at.us,
      ids: [one.id + 1, behind.id - 1],
      seqs: null,
      missing: count,
    });
  };

  let ranges = createIdRanges(onHole);
  const recent = createRecentIds(ID_REACH);

  const isKnown = (id: string, number: number, at: At): boolean => {
    if (!denseIds) return !recent.add(id);
    const step = ranges.add(number, at);
    if (step === 'late' || step === 'unknown') late += 1;
    return step === 'duplicate';
  };

  const end = (): void => {
    for (const hole of ranges.holes()) onHole(hole);
    ranges = createIdRanges(onHole);
  };

  return {
    row(cells, spot) {
      const row = tradeOf(cells);
      if (typeof row === 'string') return row;
      const { id, localUs } = row;
      const number = denseIds ? wholeOf(id) : 0;
      if (!Number.isSafeInteger(number)) return `id: ${JSON.stringify(id)}, where ids are whole numbers`;
      if (before !== null && localUs < before.localUs) {
        const turned = isLower(id, before.id) || isVenueTurned(before, row);
        order.check(before.localUs, localUs, turned, spot.line);
      }
      before = row;
      first ??= id;
      last = id;
      if (isKnown(id, number, { file: spot.file, line: spot.line, us: localUs })) {
        duplicates += 1;
        findings.fault('duplicate', spot, localUs, `id ${id} stands in the chain already`);
      }
      times.row(localUs);
      return localUs;
    },
    endPart: () => undefined,
    cut() {
      end();
      before = null;
    },
    end,
    ids: () => ({
      rule: denseIds ? 'dense' : 'recent',
      reach: denseIds ? null : ID_REACH,
      first,
      last,
      duplicates,
      missing: denseIds ? missing : null,
      late: denseIds ? late : null,
    }),
    book: () => null,
  };
}

/** Of two whole numbers without leading zeros; false of any other texts. */
function isLower(id: string, than: string): boolean {
  if (!/^\d+$/.test(id) || !/^\d+$/.test(than)) return false;
  return id.length < than.length || (id.length === than.length && id < than);
}
