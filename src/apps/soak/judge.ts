/** All that the files, the ledgers and the journal of a soak say of it. */

import type { Result } from '../../core/result.ts';
import { ok } from '../../core/result.ts';
import type { FeedOptions } from '../../core/venue.ts';
import { rawFile } from '../../flow/rows.ts';
import { verify } from '../../runtime/verify/verify.ts';
import { VENUES } from '../../venues/index.ts';
import { checkGaps, checkResyncs, countGaps, HEALED_SEC, tally } from './check-ledgers.ts';
import { checkTrades, type TradeChain, type TradeCounts } from './check-trades.ts';
import type { Findings } from './findings.ts';
import { readLedgers } from './ledgers.ts';
import type { SoakReport } from './report.ts';
import { readTold, type Told } from './told.ts';

export interface JudgeOptions {
  readonly dataDir: string;
  readonly journal: string;
  /** By venue. */
  readonly symbols: Readonly<Record<string, readonly string[]>>;
  readonly endUs: number;
  /** From then on the market stood still, or we stopped. */
  readonly quietTs: number;
  /** Without faults, before that. */
  readonly healSec: number;
  readonly findings: Findings;
  progress(done: number, total: number, what: string): void;
}

export type Judged = Pick<SoakReport, 'verify' | 'faults' | 'gaps' | 'trades' | 'resyncs' | 'events'>;

const OPTIONS: FeedOptions = { depth: 200, stream: null };

export async function judge(options: JudgeOptions): Promise<Result<Judged>> {
  const { dataDir, findings, quietTs } = options;
  const verified = await verify({
    ...{ dataDir, nowUs: options.endUs, sparse: [] },
    progress: options.progress,
  });
  if (!verified.ok) return verified;
  const report = verified.value;
  // Damage, and holes that nothing explains.
  for (const { file, fault_list, holes } of report.files) {
    for (const { kind, line, message } of fault_list)
      findings.add('verify', file, `${kind}${line === null ? '' : ` in line ${line}`}: ${message}`);
    if (holes.unexplained > 0)
      findings.add('verify', file, `${holes.unexplained} holes that nothing explains`);
  }
  for (const hole of report.holes) {
    if (hole.explained_by.length > 0) continue;
    const { from, to, missing, kind, feed, venue, symbol } = hole;
    const ends = JSON.stringify({ from, to, missing });
    findings.add('verify', `${feed}-${venue} ${symbol}`, `${kind} hole: ${ends}`);
  }
  for (const fault of report.ledger.faults) findings.add('verify', 'ledger', fault);
  for (const file of report.strange) findings.add('verify', file, 'is none of ours');
  if (report.verdict === 'damaged' && findings.count() === 0) findings.add('verify', '', 'damaged');

  const told = await readTold(options.journal);
  if (!told.ok) return told;
  const ledgers = await readLedgers(dataDir);
  if (!ledgers.ok) return ledgers;
  if (options.healSec >= HEALED_SEC) checkGaps(ledgers.value, findings);
  const trades = await tradesOf(options, told.value, ledgers.value.gaps, quietTs);
  if (!trades.ok) return trades;
  const { verdict, rows, bytes, files } = report;
  return ok({
    verify: { verdict, rows, bytes, chains: files.length },
    faults: tally(told.value.faults.map(({ kind }) => kind)),
    gaps: countGaps(ledgers.value.gaps),
    trades: trades.value,
    resyncs: checkResyncs(ledgers.value, told.value.faults, findings),
    events: tally(ledgers.value.events.map(({ type }) => type)),
  });
}

async function tradesOf(
  { dataDir, symbols, findings }: JudgeOptions,
  told: Told,
  gaps: Parameters<typeof checkTrades>[3],
  quietTs: number,
): Promise<Result<Readonly<Record<string, TradeCounts>>>> {
  const trades: Record<string, TradeCounts> = {};
  for (const chain of chainsOf(symbols)) {
    const counts = await checkTrades(dataDir, chain, told, gaps, quietTs, findings);
    if (!counts.ok) return counts;
    trades[chain.stem] = counts.value;
  }
  return ok(trades);
}

export function chainsOf(symbols: JudgeOptions['symbols']): readonly TradeChain[] {
  return VENUES.flatMap((venue) =>
    (symbols[venue.id] ?? []).flatMap((symbol) => {
      const located = venue.locate(symbol);
      if (located === null) return [];
      const stem = rawFile(venue.id, 'trades', symbol).replace(/^raw\/|\.csv$/g, '');
      return [{ venue: venue.id, symbol, stem, rule: venue.tradeIds(located.market, OPTIONS) }];
    }),
  );
}
