/** Checks all that was recorded in a data directory, from its files alone; one chain at a time, in bounded memory. */

import { join } from 'node:path';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { seconds } from '../../core/time.ts';
import { feedOfRawFile } from '../../flow/rows.ts';
import { readInstruments } from '../../io/instruments.ts';
import { type JsonLinesRead, readJsonLines } from '../../io/json-lines.ts';
import { findRecorded, type PartFile, type RecordedFiles } from '../../io/recorded-files.ts';
import { checkCapture } from './capture-check.ts';
import { type CapturePart, checkRuns } from './capture-runs.ts';
import { type ChainContext, type CheckedChain, checkChain } from './chain.ts';
import { toldHole } from './findings.ts';
import { createHints, type Hints } from './hints.ts';
import { createGapLedger, type GapLedger } from './ledger.ts';
import {
  type CaptureReport,
  type ChainReport,
  EXIT_OF,
  type Hole,
  type LedgerReport,
  REPORT_SCHEMA_VERSION,
  type VerifyReport,
  verdictOf,
  worstOf,
} from './report.ts';
import { horizonUs, rawGone, readTold, rowsGone } from './told.ts';

/** The collector may close, seal or remove a file while it is looked at: the chain is then looked up anew. */
const TRIES = 5;

export interface VerifyOptions {
  readonly dataDir: string;
  readonly nowUs: number;
  /** Stems (`trades-binance-BTC-USDT_USDT`) whose ids are not dense, whatever the table says. */
  readonly sparse: readonly string[];
  progress(doneBytes: number, totalBytes: number, file: string): void;
}

/** Fails where nothing can be looked at at all (`ENOENT`: nothing was recorded there), or with `unknown_name` (`sparse`). */
export async function verify(options: VerifyOptions): Promise<Result<VerifyReport>> {
  const { dataDir, nowUs } = options;
  const recorded = await find(dataDir);
  if (!recorded.ok) return recorded;
  const { chains, captures, aside, strange, hasRaw, hasInstruments } = recorded.value;
  const unknown = options.sparse.filter((stem) => !stem.startsWith('trades-') || !chains.has(stem));
  if (unknown.length > 0)
    return err(
      failure('unknown_name', `--sparse: no file of trades there is ${unknown.join(', ')}`, 'never'),
    );
  const ledger = createGapLedger();
  const hints = createHints();
  const faults: string[] = [];
  const marketOf = await markets(dataDir, faults);
  const ledgerReport = await readLedgers(dataDir, ledger, hints, recorded.value, faults);
  const told = await readTold(dataDir, faults);
  const gone = rowsGone(told, (stem) => chains.has(stem));
  const rawFault = rawGone({ hasRaw, rows: chains.size > 0 }, ledger, hints);
  if (rawFault !== null) faults.push(rawFault);
  if (chains.size === 0 && captures.length === 0 && faults.length + gone.length === 0)
    return err(failure('ENOENT', `${dataDir}: no file of rows and no capture`, 'never'));

  const parts = [...chains.values()].flat();
  const total = [...parts, ...captures].reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const progressOf =
    (file: string) =>
    (bytes: number): void => {
      done += bytes;
      options.progress(Math.min(done, total), total, file);
    };

  const horizon = horizonUs(told, hints);
  const reports: ChainReport[] = [];
  const holes: Hole[] = [];
  const isSparse = (stem: string): boolean => options.sparse.includes(stem);
  for (const [stem, chain] of chains) {
    const progress = progressOf(stem);
    const context = { dataDir, ledger, hints, marketOf, isSparse, horizonUs: horizon, progress };
    const checked = await checkAnew(stem, chain, context);
    if (!checked.ok) return checked;
    reports.push(checked.value.report);
    holes.push(...checked.value.holes);
  }

  const captureReports: CaptureReport[] = [];
  const captureParts: CapturePart[] = [];
  const removed = [...recorded.value.removedCaptures];
  for (const capture of captures) {
    const checked = await checkCapture(capture, { dataDir, ledger, progress: progressOf(capture.file) });
    // Removed meanwhile: it is no part of what is there.
    if (!checked.ok) {
      removed.push(capture.file);
      continue;
    }
    captureReports.push(checked.value.report);
    captureParts.push(checked.value.part);
    holes.push(...checked.value.holes);
  }
  const runHoles = checkRuns(captureParts, { ledger, hints, removed, hasBegun: begunIn(reports) });
  holes.push(...runHoles);
  for (const hole of runHoles) {
    const at = captureReports.findIndex(({ file }) => file === hole.file);
    const report = captureReports[at] as CaptureReport;
    const explained = hole.explained_by.length > 0 ? 1 : 0;
    captureReports[at] = {
      ...report,
      verdict: worstOf([report.verdict, verdictOf(0, explained, 1 - explained)]),
    };
  }

  // Of what no file is there for; a gap that was repaired is none.
  const untold = ledger.allUnfound().filter(({ repaired }) => repaired !== 'full');
  holes.push(...untold.map(toldHole), ...gone);
  const verdict = worstOf([
    ...reports.map((report) => report.verdict),
    ...captureReports.map((report) => report.verdict),
    verdictOf(faults.length, untold.length, gone.length),
  ]);
  return ok({
    schema_version: REPORT_SCHEMA_VERSION,
    ts: seconds(nowUs),
    dir: dataDir,
    verdict,
    exit_code: EXIT_OF[verdict],
    rows: reports.reduce((sum, { rows }) => sum + rows, 0),
    bytes: [...reports, ...captureReports].reduce((sum, { bytes }) => sum + bytes, 0),
    files: reports,
    captures: captureReports,
    ledger: ledgerReport,
    holes,
    set_aside: aside.map(({ file, bytes }) => ({ file, bytes })),
    strange: strange.map(({ file }) => file),
    remarks:
      chains.size > 0 && !hasInstruments
        ? ['raw/instruments.json is not there: what amounts mean is not told']
        : [],
  });
}

const find = (dataDir: string): Promise<Result<RecordedFiles>> =>
  findRecorded(dataDir, (name) => feedOfRawFile(name) !== null);

async function checkAnew(
  stem: string,
  parts: readonly PartFile[],
  context: ChainContext,
): Promise<Result<CheckedChain>> {
  const feed = feedOfRawFile(`${stem}.csv`);
  if (feed === null) throw new RangeError(`no stem of ours: ${stem}`);
  let now = parts;
  for (let tries = 1; ; tries++) {
    const checked = await checkChain(stem, feed, now, context);
    if (checked.ok || tries === TRIES) return checked;
    const again = await find(context.dataDir);
    if (!again.ok) return again;
    now = again.value.chains.get(stem) ?? [];
  }
}

/** Whether a feed had given a row by then, as its rows tell; where there are none at all, it is taken for granted. */
function begunIn(reports: readonly ChainReport[]): (venue: string, feed: string, ts: number) => boolean {
  return (venue, feed, ts) =>
    reports.length === 0 ||
    reports.some(
      (one) =>
        one.venue === venue &&
        one.feed === feed &&
        one.parts.some(({ first_ts }) => first_ts !== null && first_ts <= ts),
    );
}

/** Markets by venue and symbol, as far as `raw/instruments.json` tells. */
async function markets(dataDir: string, faults: string[]): Promise<ChainContext['marketOf']> {
  const read = await readInstruments(dataDir);
  if (!read.ok) faults.push(read.error.message);
  const known = new Map(
    (read.ok ? read.value : []).map((one) => [`${one.ex} ${one.symbol}`, one.market] as const),
  );
  return (venue, symbol) => known.get(`${venue} ${symbol}`);
}

/** The ledgers of the collector and of the archive; what is wrong with them goes into `faults`. */
async function readLedgers(
  dataDir: string,
  ledger: GapLedger,
  hints: Hints,
  { manifest, removed }: RecordedFiles,
  faults: string[],
): Promise<LedgerReport> {
  const read = async (name: string, take: (value: unknown) => boolean): Promise<JsonLinesRead | null> => {
    const lines = await readJsonLines(join(dataDir, 'collector', name), take);
    if (!lines.ok) faults.push(lines.error.message);
    return lines.ok ? lines.value : null;
  };
  const gaps = await read('gaps.jsonl', ledger.take);
  const events = await read('events.jsonl', hints.take);
  const named = [
    ['collector/gaps.jsonl', gaps],
    ['collector/events.jsonl', events],
    ['raw/archive/manifest.jsonl', manifest],
    ['raw/archive/removed.jsonl', removed],
  ] as const;
  for (const [name, lines] of named) {
    if (lines === null || lines.bad === 0) continue;
    faults.push(
      `${name}: ${lines.bad} of ${lines.lines} lines are malformed, the first is line ${lines.firstBad}`,
    );
  }
  return {
    present: gaps !== null,
    lines: gaps?.lines ?? 0,
    malformed: gaps?.bad ?? 0,
    torn_bytes: gaps?.tornBytes ?? 0,
    ...ledger.count(),
    clock_steps: hints.steps(),
    faults,
  };
}
