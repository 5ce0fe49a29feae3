/** The market's trades against the rows: each once, or told of by the ledger; and no row that the market never had. */

import { join } from 'node:path';
import { splitRow } from '../../core/csv-row.ts';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { seconds } from '../../core/time.ts';
import { compareIds, type TradeIdRule } from '../../core/trade-order.ts';
import { HEADERS } from '../../flow/rows.ts';
import { createLineScan } from '../../io/line-scan.ts';
import { readPart } from '../../io/part-read.ts';
import { findRecorded } from '../../io/recorded-files.ts';
import type { Findings } from './findings.ts';
import type { ToldGap } from './ledgers.ts';
import type { MarketTrade, Told } from './told.ts';

/** Our times are of receipt, the market's of the trade. */
const TOLERANCE_SEC = 1;

export interface TradeChain {
  readonly venue: string;
  readonly symbol: string;
  /** `trades-okx-BTC-USDT` */
  readonly stem: string;
  readonly rule: TradeIdRule;
}

export interface TradeCounts {
  market: number;
  rows: number;
  /** In no row, and the ledger tells of it. */
  told: number;
  /** Withheld on a connection that lived, where ids tell nothing: nobody can know of these. */
  unknowable: number;
  /** Before the first row, or behind the stop. */
  outside: number;
}

/** What the rows have of one trade of the market. */
interface Had {
  readonly trade: MarketTrade;
  /** Of its amount. */
  amount: number;
}

interface Rows {
  readonly count: number;
  readonly firstTs: number;
  readonly firstId: string;
}

const columns = HEADERS.trades.split(',');
const [ID, SIDE, PRICE, AMOUNT, LOCAL] = ['id', 'side', 'price', 'amount', 'local_timestamp'].map((name) =>
  columns.indexOf(name),
) as [number, number, number, number, number];
/** Of an amount: sums of decimals. */
const EXACT = 1e-9;

export async function checkTrades(
  dataDir: string,
  chain: TradeChain,
  told: Told,
  gaps: readonly ToldGap[],
  untilTs: number,
  findings: Findings,
): Promise<Result<TradeCounts>> {
  const key = `${chain.venue} ${chain.symbol}`;
  const market = (told.trades.get(key) ?? []).map((trade): Had => ({ trade, amount: 0 }));
  const withheld = told.withheld.get(key) ?? new Map<string, string>();
  const read = await readRows(dataDir, chain, finder(market, chain.rule), findings);
  if (!read.ok) return read;
  const { count, firstTs, firstId } = read.value;
  const own = gaps.filter(
    (gap) => gap.venue === chain.venue && gap.feed === 'trades' && gap.symbol === chain.symbol,
  );
  const isCounted = chain.rule === 'count' || chain.rule === 'fills';
  const counts: TradeCounts = { market: market.length, rows: count, told: 0, unknowable: 0, outside: 0 };
  for (const { trade, amount } of market) {
    const left = Number(trade.amount) - amount;
    if (left < -EXACT * Number(trade.amount))
      findings.add(
        'trades',
        chain.stem,
        `trade ${trade.id}: rows of ${amount}, the market had ${trade.amount}`,
      );
    if (left <= EXACT * Number(trade.amount)) continue;
    const isEarlier = (compareIds(trade.id, firstId) ?? Math.sign(trade.ts - firstTs)) < 0;
    if (isEarlier || trade.ts >= untilTs) counts.outside += 1;
    else if (own.some((gap) => tellsOf(gap, trade))) counts.told += 1;
    else if (!isCounted && withheld.has(trade.id)) counts.unknowable += 1;
    else
      findings.add(
        'trades',
        chain.stem,
        `trade ${trade.id} of ${trade.ts} is in no row, and no gap tells of it`,
      );
  }
  return ok(counts);
}

/**
 * The market's trade that a row is of. Where an id is the last of several fills (OKX), answers by REST tell them one
 * by one: all ids behind the trade before are of this one.
 */
function finder(market: readonly Had[], rule: TradeIdRule): (id: string) => Had | undefined {
  if (rule !== 'fills') {
    const byId = new Map(market.map((had) => [had.trade.id, had]));
    return (id) => byId.get(id);
  }
  return (id) => {
    let [low, high] = [0, market.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((compareIds(market[middle]?.trade.id ?? '', id) ?? 0) < 0) low = middle + 1;
      else high = middle;
    }
    return market[low];
  };
}

/** By ids where the gap has them on both sides and they can be compared, else by time. What was repaired is not missing. */
function tellsOf(gap: ToldGap, { id, ts }: MarketTrade): boolean {
  if (gap.repaired === 'full') return false;
  const behind = compareIds(id, gap.from.id ?? '');
  const before = gap.to?.id === undefined ? null : compareIds(id, gap.to.id);
  if (behind !== null && before !== null) return behind > 0 && before < 0;
  const fromTs = gap.from.local_ts ?? gap.ts;
  const toTs = gap.state === 'open' ? Number.POSITIVE_INFINITY : (gap.to?.local_ts ?? gap.ts);
  return fromTs - TOLERANCE_SEC <= ts && ts <= toTs + TOLERANCE_SEC;
}

/** Adds up what the rows have of each trade; what is wrong with the rows themselves becomes findings. */
async function readRows(
  dataDir: string,
  { stem }: TradeChain,
  find: (id: string) => Had | undefined,
  findings: Findings,
): Promise<Result<Rows>> {
  const recorded = await findRecorded(dataDir, (name) => name.startsWith('trades-'));
  if (!recorded.ok) return recorded;
  const ids = new Set<string>();
  let firstTs = Number.POSITIVE_INFINITY;
  let firstId = '';
  const onRow = (text: string): void => {
    const cells = splitRow(text) ?? [];
    const [id = '', side, price, amount] = [ID, SIDE, PRICE, AMOUNT].map((at) => cells[at]);
    if (ids.size === 0) [firstId, firstTs] = [id, seconds(Number(cells[LOCAL]))];
    if (ids.has(id)) return findings.add('trades', stem, `trade ${id} is there twice`);
    ids.add(id);
    const had = find(id);
    if (had === undefined) return findings.add('trades', stem, `trade ${id} was never made`);
    if (side !== had.trade.side || price !== had.trade.price)
      findings.add(
        'trades',
        stem,
        `trade ${id} is ${side} at ${price}, was ${had.trade.side} at ${had.trade.price}`,
      );
    had.amount += Number(amount);
  };
  for (const part of recorded.value.chains.get(stem) ?? []) {
    const scan = createLineScan({
      line: (text, number) => number > 1 && onRow(text),
      tooLong: (bytes, number) =>
        findings.add('trades', stem, `line ${number} of ${part.file} has ${bytes} bytes`),
    });
    const path = join(dataDir, ...part.file.split('/'));
    const read = await readPart(path, part.ino, { block: scan.add, progress: () => undefined });
    if (!read.ok) return err(failure(read.error.code, `${part.file}: ${read.error.message}`));
  }
  return ok({ count: ids.size, firstTs, firstId });
}
