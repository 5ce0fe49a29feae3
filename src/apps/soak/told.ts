/** What a soak keeps of the simulator's journal: the market's trades, what was withheld, and each fault. */

import { z } from 'zod';
import { ok, type Result } from '../../core/result.ts';
import { readJsonLines } from '../../io/json-lines.ts';

/** Whether a line is of use here: of what was sent, only trades that were withheld. The rest is most of a journal. */
export function isKept(line: string): boolean {
  const head = line.slice(0, 160);
  if (!head.includes('"feed":') || head.includes('"market":{') || head.includes('"fault":{')) return true;
  return head.includes('"feed":"trades"') && line.includes('"withheld":');
}

const trade = z.object({
  feed: z.literal('trades'),
  symbol: z.string(),
  id: z.string(),
  side: z.string(),
  price: z.string(),
  amount: z.string(),
});
const base = { ts: z.number(), venue: z.string() };
const line = z.union([
  z.object({ ...base, market: trade }),
  z.object({ ...base, withheld: z.string(), ...trade.shape }),
  z.object({
    ...base,
    fault: z.object({
      kind: z.string(),
      feed: z.string().optional(),
      symbol: z.string().optional(),
      forSec: z.number().optional(),
      leadSec: z.number().optional(),
      delaySec: z.number().optional(),
    }),
  }),
]);

export interface MarketTrade {
  readonly ts: number;
  readonly id: string;
  readonly side: string;
  readonly price: string;
  readonly amount: string;
}

export interface ToldFault {
  readonly ts: number;
  /** It is felt until then at the latest. */
  readonly untilTs: number;
  readonly venue: string;
  readonly kind: string;
}

export interface Told {
  /** By `venue symbol`, in order. */
  readonly trades: ReadonlyMap<string, readonly MarketTrade[]>;
  /** By the same: ids that were to be sent and were not, with the fault. */
  readonly withheld: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly faults: readonly ToldFault[];
}

/** Reads a journal, kept or whole. */
export async function readTold(path: string): Promise<Result<Told>> {
  const trades = new Map<string, MarketTrade[]>();
  const withheld = new Map<string, Map<string, string>>();
  const faults: ToldFault[] = [];
  const read = await readJsonLines(path, (value) => {
    const parsed = line.safeParse(value);
    if (!parsed.success) return true;
    const one = parsed.data;
    if ('market' in one) {
      const { symbol, id, side, price, amount } = one.market;
      entry(trades, `${one.venue} ${symbol}`, () => []).push({ ts: one.ts, id, side, price, amount });
    } else if ('withheld' in one) {
      entry(withheld, `${one.venue} ${one.symbol}`, () => new Map()).set(one.id, one.withheld);
    } else {
      const { kind, forSec = 0, leadSec = 0, delaySec = 0 } = one.fault;
      faults.push({ ts: one.ts, untilTs: one.ts + forSec + leadSec + delaySec, venue: one.venue, kind });
    }
    return true;
  });
  return read.ok ? ok({ trades, withheld, faults }) : read;
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}
