/** What a soak says of itself: `soak-report-{seed}.json`, and the same in words beside it. */

import type { Verdict } from '../../runtime/verify/report.ts';
import type { GapCounts } from './check-ledgers.ts';
import type { TradeCounts } from './check-trades.ts';
import type { Finding, Findings } from './findings.ts';
import type { MemorySample } from './slope.ts';
import { SYMBOLS } from './venues.ts';

export interface RequestCounts {
  /** Virtual: requests sent; real: unknown. */
  readonly total: number | null;
  /** The most in any sliding minute. */
  readonly peak: number;
  readonly target: number;
}

export interface SoakReport {
  readonly schema_version: 1;
  readonly kind: 'virtual' | 'real';
  readonly version: string;
  readonly node: string;
  readonly seed: number;
  /** Of the simulated markets: 1 is a quiet one. */
  readonly rate: number;
  readonly faults_per_minute: number;
  readonly total_sec: number;
  /** Without faults, at the end. */
  readonly heal_sec: number;
  /** Of the markets, on virtual time; null on real time. */
  readonly step_ms: number | null;
  readonly symbols: Readonly<Record<string, readonly string[]>>;
  readonly took_sec: number;
  readonly passed: boolean;
  readonly verify: {
    readonly verdict: Verdict;
    readonly rows: number;
    readonly bytes: number;
    readonly chains: number;
  };
  readonly messages: number | null;
  readonly faults: Readonly<Record<string, number>>;
  readonly restarts: Readonly<Record<string, number>>;
  readonly gaps: GapCounts;
  readonly trades: Readonly<Record<string, TradeCounts>>;
  /** Books that were held against the market at the end. */
  readonly books: number;
  readonly resyncs: number;
  readonly events: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, RequestCounts>>;
  readonly memory: {
    /** `heap`: after a collection, of the whole program; `rss`: of the collector's process. */
    readonly of: 'heap' | 'rss';
    readonly samples: readonly MemorySample[];
    /** MB an hour; null: too few samples to tell. */
    readonly slope: number | null;
    readonly bound: string;
  };
  readonly findings_count: number;
  /** The first of each check and place. */
  readonly findings: readonly Finding[];
}

/** What a soak was asked for. */
export interface Asked {
  readonly version: string;
  readonly seed: number;
  readonly rate: number;
  readonly faultsPerMinute: number;
  readonly totalSec: number;
}

/** What both kinds of soak say alike, beside what one has of its own; its requests are held against their targets. */
export function reportOf(
  { version, seed, rate, faultsPerMinute, totalSec }: Asked,
  findings: Findings,
  own: Pick<
    SoakReport,
    | 'kind'
    | 'heal_sec'
    | 'step_ms'
    | 'took_sec'
    | 'verify'
    | 'messages'
    | 'faults'
    | 'restarts'
    | 'gaps'
    | 'trades'
    | 'books'
    | 'resyncs'
    | 'events'
    | 'requests'
    | 'memory'
  >,
): SoakReport {
  for (const [venue, { peak, target }] of Object.entries(own.requests))
    if (peak > target) findings.add('requests', venue, `${peak} in a minute, the target is ${target}`);
  return {
    schema_version: 1,
    version,
    node: process.version,
    ...{ seed, rate, faults_per_minute: faultsPerMinute, total_sec: totalSec, symbols: SYMBOLS },
    ...own,
    passed: findings.count() === 0,
    findings_count: findings.count(),
    findings: findings.list(),
  };
}

export function reportMarkdown(report: SoakReport): string {
  const { kind, seed, verify, gaps, memory, findings } = report;
  const took = `${durationText(report.total_sec)} of ${kind} time in ${durationText(report.took_sec)}`;
  const rows = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const last = memory.samples.at(-1);
  return `${[
    `# Soak ${report.passed ? 'passed' : 'FAILED'}: seed ${seed}, ${took}`,
    '',
    `Tapedeck ${report.version}, Node ${report.node}. Market rate ${report.rate}${report.step_ms === null ? '' : `, steps of ${report.step_ms} ms`}, ` +
      `${report.faults_per_minute} faults a minute by chance, none in the last ${durationText(report.heal_sec)}.`,
    '',
    ...Object.entries(report.symbols).map(([venue, symbols]) => `- ${venue}: ${symbols.join(', ')}`),
    '',
    '## Findings',
    '',
    ...(findings.length === 0
      ? ['None.']
      : findings.map(({ check, where, what }) => `- ${check}${where === '' ? '' : ` ${where}`}: ${what}`)),
    ...(report.findings_count > findings.length ? [`- … ${report.findings_count} in all`] : []),
    '',
    '## What was there',
    '',
    '| | |',
    '| --- | --- |',
    `| verify | ${verify.verdict}: ${verify.rows} rows, ${(verify.bytes / 1e6).toFixed(1)} MB, ${verify.chains} chains |`,
    `| messages sent | ${report.messages ?? 'not counted'} |`,
    `| faults that struck | ${rows(report.faults)} |`,
    `| restarts | ${rows(report.restarts)} |`,
    `| gaps | ${gaps.gaps}: ${rows(gaps.by_kind)} |`,
    `| how they ended | ${rows(gaps.by_repaired)}; ${gaps.backfilled} trades back-filled, ${gaps.missing} known to be missing |`,
    `| books | ${report.books} held against the market at the end; ${report.resyncs} resyncs |`,
    `| memory (${memory.of}) | ${last === undefined ? 'not measured' : `${last.mb} MB at the end`}, ${memory.slope === null ? 'too few samples for a slope' : `${memory.slope.toFixed(2)} MB an hour`}; ${memory.bound} |`,
    '',
    '| trades | of the market | rows | told missing | nobody can know | outside |',
    '| --- | --- | --- | --- | --- | --- |',
    ...Object.entries(report.trades).map(
      ([stem, one]) =>
        `| ${stem} | ${one.market} | ${one.rows} | ${one.told} | ${one.unknowable} | ${one.outside} |`,
    ),
    '',
    '| venue | requests | most in any minute | target |',
    '| --- | --- | --- | --- |',
    ...Object.entries(report.requests).map(
      ([venue, { total, peak, target }]) => `| ${venue} | ${total ?? ''} | ${peak} | ${target} |`,
    ),
  ].join('\n')}\n`;
}

/** `1 d 2 h`, `90 s`. */
export function durationText(sec: number): string {
  const parts = [
    [Math.floor(sec / 86_400), 'd'],
    [Math.floor((sec % 86_400) / 3_600), 'h'],
    [Math.floor((sec % 3_600) / 60), 'min'],
    [Math.round(sec % 60), 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return shown.slice(0, 2).join(' ') || '0 s';
}
