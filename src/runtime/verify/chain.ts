/** One chain: a live file and its archived parts, read in order of receipt, line by line. */

import { join } from 'node:path';
import { splitRow } from '../../core/csv-row.ts';
import type { Feed } from '../../core/event.ts';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { parseSymbol } from '../../core/symbol.ts';
import { seconds } from '../../core/time.ts';
import { HEADERS, rawFile } from '../../flow/rows.ts';
import { createLineScan } from '../../io/line-scan.ts';
import { type PartRead, readPart } from '../../io/part-read.ts';
import type { PartFile } from '../../io/recorded-files.ts';
import { createBookCheck } from './book-check.ts';
import { createTimes } from './coverage.ts';
import type { FeedCheck, FeedCheckPort } from './feed-check.ts';
import { createFindings, type Findings, type Spot } from './findings.ts';
import type { Hints } from './hints.ts';
import { type GapLedger, TOLERANCE_US } from './ledger.ts';
import { numberingOf } from './numbering.ts';
import { createOrder } from './order.ts';
import { checkClosed, leftOut } from './parts.ts';
import { type ChainReport, type Hole, type PartReport, verdictOf } from './report.ts';
import { createTickerCheck } from './ticker-check.ts';
import { createTradesCheck } from './trades-check.ts';

export interface ChainContext {
  readonly dataDir: string;
  readonly ledger: GapLedger;
  readonly hints: Hints;
  /** Of `raw/instruments.json`; undefined where it does not say. */
  marketOf(venue: string, symbol: string): string | undefined;
  /** Files of this stem have ids that are not dense, whatever the table says. */
  isSparse(stem: string): boolean;
  /** No row can have been received behind this time, µs; null where nothing tells. */
  readonly horizonUs: number | null;
  progress(bytes: number): void;
}

export interface CheckedChain {
  readonly report: ChainReport;
  readonly holes: readonly Hole[];
}

const CHECKS: Readonly<Record<Feed, (port: FeedCheckPort) => FeedCheck>> = {
  trades: createTradesCheck,
  ticker: createTickerCheck,
  orderbook: createBookCheck,
};

/** Fails with `gone` where a part was renamed or removed meanwhile: the chain is to be looked up anew. */
export async function checkChain(
  stem: string,
  feed: Feed,
  parts: readonly PartFile[],
  context: ChainContext,
): Promise<Result<CheckedChain>> {
  const chain = createChain(stem, feed, context);
  for (const part of parts) {
    const read = await chain.part(part);
    if (!read.ok) return read;
  }
  return ok(chain.end(parts));
}

/** Who wrote the rows: told by the first row that is of this file. */
interface Owner {
  readonly venue: string;
  readonly symbol: string;
  readonly market: string;
  readonly isDense: boolean;
  readonly check: FeedCheck;
}

function createChain(stem: string, feed: Feed, context: ChainContext) {
  const { ledger, hints } = context;
  let owner: Owner | null = null;
  let at: Spot = { file: '', line: 0 };
  const findings: Findings = createFindings(
    () => ({ venue: owner?.venue ?? '', feed, symbol: owner?.symbol ?? null }),
    ledger,
    hints,
  );
  const order = createOrder({
    stepBetween: hints.stepBetween,
    fault: (message, localUs) => findings.fault('order', at, localUs, message),
  });
  const times = createTimes();
  const partReports: PartReport[] = [];

  const ownerOf = (venue: string, symbol: string): Owner | null => {
    if (rawFile(venue, feed, symbol) !== `raw/${stem}.csv`) return null;
    const told = context.marketOf(venue, symbol) ?? parseSymbol(symbol)?.market ?? 'unknown';
    const known = numberingOf(venue, told);
    const numbering = { ...known, denseIds: known.denseIds && !context.isSparse(stem) };
    const check = CHECKS[feed]({ findings, order, times, numbering });
    return { venue, symbol, market: told, isDense: numbering.denseIds, check };
  };

  /** The row's time of receipt, µs, or why it is none. */
  const rowOf = (text: string, width: number, first: boolean): number | string => {
    const cells = splitRow(text);
    if (cells === null) return 'a quote is not closed, or out of place';
    if (cells.length !== width) return `${cells.length} cells, the header has ${width}`;
    const [venue = '', symbol = ''] = cells;
    owner ??= ownerOf(venue, symbol);
    if (owner?.venue !== venue || owner.symbol !== symbol) return `of ${venue} ${symbol}: not of this file`;
    return owner.check.row(cells, at, first);
  };

  const readRows = async (part: PartFile): Promise<Result<PartReport>> => {
    const { file } = part;
    const before = findings.faults();
    let width = 0;
    let lines = 0;
    let rows = 0;
    let firstUs = Number.POSITIVE_INFINITY;
    let lastUs = Number.NEGATIVE_INFINITY;

    const onHeader = (text: string): void => {
      const expected = HEADERS[feed];
      if (text === expected || text.startsWith(`${expected},`)) width = text.split(',').length;
      else findings.fault('header', { file, line: 1 }, null, `other columns: ${text.slice(0, 200)}`);
    };
    const onRow = (text: string, line: number): void => {
      lines += 1;
      // Under other columns nothing is known of a row.
      if (width === 0) return;
      at = { file, line };
      const row = rowOf(text, width, rows === 0);
      if (typeof row === 'string') return findings.fault('malformed', at, null, row);
      if (context.horizonUs !== null && row > context.horizonUs)
        findings.fault('ahead', at, row, 'received more than an hour after all that the collector wrote');
      rows += 1;
      firstUs = Math.min(firstUs, row);
      lastUs = Math.max(lastUs, row);
    };
    const scan = createLineScan({
      line: (text, number) => (number === 1 ? onHeader(text) : onRow(text, number)),
      tooLong(bytes, line) {
        lines += 1;
        findings.fault('malformed', { file, line }, null, `a line of ${bytes} bytes`);
      },
    });
    const path = join(context.dataDir, ...file.split('/'));
    // Of rows that came after the ledgers were read the ledgers cannot tell.
    const maxBytes = part.bytes;
    const read =
      part.unreadable === null
        ? await readPart(path, part.ino, { block: scan.add, progress: context.progress, maxBytes })
        : err(failure('unreadable', part.unreadable));
    const bytes = read.ok ? read.value.bytes : part.bytes;
    if (read.ok) endRows(part, read.value, lines, scan.rest());
    else if (read.error.code === 'gone') return read;
    else findings.fault('unreadable', { file }, null, read.error.message);
    owner?.check.endPart();
    return ok({
      file,
      state: part.state,
      rows,
      bytes,
      first_ts: rows === 0 ? null : seconds(firstUs),
      last_ts: rows === 0 ? null : seconds(lastUs),
      faults: findings.faults() - before,
    });
  };

  const endRows = (part: PartFile, read: PartRead, lines: number, rest: number): void => {
    // What stood at the end of a file that is written to may have been half a write.
    const isUnderWay = part.state === 'live' && read.hasGrown;
    if (rest > 0 && !isUnderWay)
      findings.fault('torn', { file: part.file }, null, `${rest} bytes behind the last whole row`);
    checkClosed(part, read, lines, findings);
  };

  return {
    async part(part: PartFile): Promise<Result<void>> {
      if (part.state === 'removed' || part.state === 'missing') {
        if (part.state === 'removed') owner?.check.cut();
        else findings.fault('missing', part, null, 'the manifest names it, and it is not there');
        const { file, state, entry } = part;
        const told = { first_ts: entry?.first_ts ?? null, last_ts: entry?.last_ts ?? null };
        partReports.push({ file, state, rows: 0, bytes: 0, ...told, faults: state === 'missing' ? 1 : 0 });
        return ok(undefined);
      }
      const read = await readRows(part);
      if (read.ok) partReports.push(read.value);
      return read.ok ? ok(undefined) : read;
    },
    end(parts: readonly PartFile[]): CheckedChain {
      owner?.check.end();
      if (owner !== null) tellGaps(owner);
      const { faults, faultList, holes, explained, unexplained } = findings.read();
      const sum = (of: (part: PartReport) => number): number =>
        partReports.reduce((all, part) => all + of(part), 0);
      const [firstUs, lastUs] = [times.firstUs(), times.lastUs()];
      const report: ChainReport = {
        file: `${stem}.csv`,
        venue: owner?.venue ?? null,
        feed,
        symbol: owner?.symbol ?? null,
        market: owner?.market ?? null,
        verdict: verdictOf(findings.faults(), explained, unexplained),
        parts: partReports,
        rows: sum(({ rows }) => rows),
        bytes: sum(({ bytes }) => bytes),
        first_ts: firstUs === null ? null : seconds(firstUs),
        last_ts: lastUs === null ? null : seconds(lastUs),
        coverage: times.coverage(),
        clock: { steps: order.steps(), corrections: order.corrections() },
        ids: owner?.check.ids() ?? null,
        book: owner?.check.book() ?? null,
        faults,
        fault_list: faultList,
        holes: { explained, unexplained },
        remarks: leftOut(parts),
      };
      return { report, holes };
    },
  };

  /** Gaps of this chain that its rows do not show. */
  function tellGaps({ venue, symbol, isDense }: Owner): void {
    const [firstUs, lastUs] = [times.firstUs() ?? 0, times.lastUs() ?? 0];
    for (const gap of ledger.unfound({ venue, feed, symbol })) {
      const isBefore = gap.toUs <= firstUs + TOLERANCE_US;
      // Where every id is accounted for, nothing is missing, whatever was feared.
      const isRefuted = feed === 'trades' && isDense && gap.toUs <= lastUs;
      if (gap.repaired === 'full' || isBefore || isRefuted) ledger.found(gap);
      else findings.told(gap);
    }
  }
}
