/** What `tapedeck verify` says, as `--json` gives it (docs/verify.md). Times are epoch seconds, `null` where unknown. */

export const REPORT_SCHEMA_VERSION = 1;

/** `explained`: holes, and the ledger tells of each. `damaged`: damage, or a hole that nothing explains. */
export type Verdict = 'clean' | 'explained' | 'damaged';

export const EXIT_OF: Readonly<Record<Verdict, 0 | 1 | 2>> = { clean: 0, explained: 1, damaged: 2 };

export type FaultKind =
  /** The columns are not those of its feed. */
  | 'header'
  /** A last row without its end. */
  | 'torn'
  /** A line that is no row of this file. */
  | 'malformed'
  /** A row that was received before the one in front of it. */
  | 'order'
  /** A row that was received long after the collector's last word. */
  | 'ahead'
  /** A trade id that stands in the chain already. */
  | 'duplicate'
  /** A book row that stands there twice. */
  | 'repeated'
  /** A book file that does not begin with a snapshot. */
  | 'headless'
  /** A change that does not continue the row before it. */
  | 'broken'
  /** A best bid at or above the best ask. */
  | 'crossed'
  /** An archive that cannot be decoded. */
  | 'damaged'
  /** An archive that is not what the manifest says. */
  | 'manifest'
  /** An archive that the manifest does not name. */
  | 'unlisted'
  /** What the manifest names is not there, and no removal was written down. */
  | 'missing'
  | 'unreadable';

export interface Fault {
  readonly kind: FaultKind;
  readonly file: string;
  /** From 1, the header. */
  readonly line: number | null;
  readonly local_ts: number | null;
  readonly message: string;
}

/** One side of a hole: the row next to it. */
export interface HoleEdge {
  readonly local_ts: number | null;
  readonly id: number | null;
  readonly seq: number | null;
}

export interface Hole {
  /** `ids`: trades; `book`: a snapshot that does not go on; `ledger`: only the ledger knows; `capture`: its torn or missing end, or missing lines; `file`: all of a chain. */
  readonly kind: 'ids' | 'book' | 'ledger' | 'capture' | 'file';
  readonly venue: string;
  readonly feed: string;
  readonly symbol: string | null;
  /** Where the row behind the hole stands. */
  readonly file: string | null;
  readonly line: number | null;
  readonly from: HoleEdge;
  readonly to: HoleEdge;
  /** Trades, or of a capture lines; null where they cannot be counted. */
  readonly missing: number | null;
  /** Ids of gaps in `gaps.jsonl`; empty: nothing explains it. */
  readonly explained_by: readonly (string | number)[];
  /** Lines of `events.jsonl` near it: no explanation, but where to look. */
  readonly hints: readonly string[];
}

export interface PartReport {
  readonly file: string;
  readonly state: 'live' | 'archived' | 'unsealed' | 'missing' | 'removed';
  readonly rows: number;
  readonly bytes: number;
  readonly first_ts: number | null;
  readonly last_ts: number | null;
  readonly faults: number;
}

export interface Coverage {
  readonly minutes: number;
  readonly minutes_with_rows: number;
  readonly ratio: number | null;
  readonly longest_silence_sec: number;
  readonly silence_from_ts: number | null;
  readonly silence_to_ts: number | null;
}

export interface IdsReport {
  /** `dense`: ids count up by one, so that missing ones are known; `recent`: duplicates among the newest `reach` only. */
  readonly rule: 'dense' | 'recent';
  readonly reach: number | null;
  readonly first: string | null;
  readonly last: string | null;
  readonly duplicates: number;
  readonly missing: number | null;
  /** Ids that came behind a higher one: a back-fill. */
  readonly late: number | null;
}

export interface BookReport {
  readonly snapshots: number;
  /** Snapshots that go on with what stood before them. */
  readonly continued: number;
  /** Rows behind a break, up to the next snapshot. */
  readonly unusable: number;
  /** Moments at which the book was crossed, those that the ledger covers included, and the longest. */
  readonly crossed: number;
  readonly crossed_longest_sec: number;
  /** Parts of nothing but snapshots, between which nothing can be missed. */
  readonly snapshot_parts: number;
}

/** One live file with its archived parts before it: what one fetcher wrote of one symbol. */
export interface ChainReport {
  /** The live file's name, whether or not it is there: `trades-binance-BTC-USDT.csv`. */
  readonly file: string;
  readonly venue: string | null;
  readonly feed: string;
  readonly symbol: string | null;
  readonly market: string | null;
  readonly verdict: Verdict;
  readonly parts: readonly PartReport[];
  readonly rows: number;
  readonly bytes: number;
  readonly first_ts: number | null;
  readonly last_ts: number | null;
  readonly coverage: Coverage;
  /** Times that went back: because of a `clock_step`, and by less than the collector calls a step. */
  readonly clock: { readonly steps: number; readonly corrections: number };
  readonly ids: IdsReport | null;
  readonly book: BookReport | null;
  /** How many of each kind; the first of them in `fault_list`. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly fault_list: readonly Fault[];
  readonly holes: { readonly explained: number; readonly unexplained: number };
  readonly remarks: readonly string[];
}

export interface CaptureReport {
  readonly file: string;
  readonly verdict: Verdict;
  readonly bytes: number;
  readonly members: number;
  readonly lines: number;
  /** By `t`. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly malformed: number;
  readonly torn_bytes: number;
  readonly first_ts: number | null;
  readonly last_ts: number | null;
  readonly faults: readonly string[];
}

export interface LedgerReport {
  /** Whether there is a `gaps.jsonl`. */
  readonly present: boolean;
  readonly lines: number;
  readonly malformed: number;
  readonly torn_bytes: number;
  readonly gaps: number;
  readonly open: number;
  /** `clock_step` in `events.jsonl`. */
  readonly clock_steps: number;
  /** What is wrong with the ledgers themselves. */
  readonly faults: readonly string[];
}

export interface VerifyReport {
  readonly schema_version: typeof REPORT_SCHEMA_VERSION;
  readonly ts: number;
  readonly dir: string;
  readonly verdict: Verdict;
  readonly exit_code: 0 | 1 | 2;
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ChainReport[];
  readonly captures: readonly CaptureReport[];
  readonly ledger: LedgerReport;
  /** The first of each chain's; all are counted there. */
  readonly holes: readonly Hole[];
  readonly set_aside: readonly { readonly file: string; readonly bytes: number }[];
  readonly strange: readonly string[];
  /** On the whole, in words. */
  readonly remarks: readonly string[];
}

export function worstOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('damaged')) return 'damaged';
  return verdicts.includes('explained') ? 'explained' : 'clean';
}

export function verdictOf(faults: number, explained: number, unexplained: number): Verdict {
  if (faults > 0 || unexplained > 0) return 'damaged';
  return explained > 0 ? 'explained' : 'clean';
}
