/** A report of `tapedeck verify` in words for people. */

import { isoOf } from '../core/time.ts';
import type {
  CaptureReport,
  ChainReport,
  Fault,
  FaultKind,
  Hole,
  VerifyReport,
} from '../runtime/verify/report.ts';

/** Of each kind and chain; `--json` lists more. */
const SHOWN = 3;

const VERDICTS = { clean: 'clean', explained: 'explained', damaged: 'DAMAGED' } as const;

const SUMMARY = {
  clean: 'clean: every row is whole, in order and once, and nothing is missing that the files could show',
  explained: 'explained: there are holes, and the ledger tells of each',
  damaged: 'DAMAGED: there is damage, or a hole that nothing explains',
} as const;

const FAULTS: Readonly<Record<FaultKind, string>> = {
  header: 'other columns',
  torn: 'torn row',
  malformed: 'malformed rows',
  order: 'rows out of the order of receipt',
  ahead: 'rows of after the collector’s last word',
  duplicate: 'duplicate ids',
  repeated: 'repeated rows',
  headless: 'files without a first snapshot',
  broken: 'rows that do not continue the one before',
  crossed: 'crossed books',
  damaged: 'damaged archives',
  manifest: 'archives that are not what the manifest says',
  unlisted: 'archives that the manifest does not name',
  missing: 'archives that are not there',
  unreadable: 'files that cannot be read',
};

/** One line per chain with the reasons below it, then what concerns all. */
export function reportText(report: VerifyReport): readonly string[] {
  const { files, captures, ledger, set_aside, strange, verdict } = report;
  const width = Math.max(0, ...files.map(({ file }) => file.length));
  const holesOf = new Map<string, Hole[]>();
  for (const hole of report.holes) {
    const key = `${hole.feed} ${hole.venue} ${hole.symbol}`;
    const known = holesOf.get(key);
    if (known === undefined) holesOf.set(key, [hole]);
    else known.push(hole);
  }
  const chains = files.flatMap((chain) => {
    const key = `${chain.feed} ${chain.venue} ${chain.symbol}`;
    const holes = holesOf.get(key) ?? [];
    holesOf.delete(key);
    return chainText(chain, width, holes);
  });
  const leftOver = [...holesOf.values()].flat().map((hole) => holeText(hole));
  const gaps = ledger.present
    ? `${many(ledger.gaps, 'gap')}, ${ledger.open} of them open`
    : 'no gaps.jsonl: no hole can be explained';
  return [
    ...chains,
    ...captureText(captures),
    ...leftOver,
    ...set_aside.map(({ file, bytes }) => `set aside: ${file} (${size(bytes)})`),
    ...strange.map((file) => `none of ours: ${file}`),
    ...ledger.faults.map((fault) => `ledger: ${fault}`),
    ...report.remarks.map((remark) => `remark: ${remark}`),
    '',
    `${many(files.length, 'chain')}, ${many(report.rows, 'row')}, ${size(report.bytes)}; ledger: ${gaps}`,
    SUMMARY[verdict],
  ];
}

function chainText(chain: ChainReport, width: number, holes: readonly Hole[]): readonly string[] {
  const { coverage, ids, book } = chain;
  const parts = chain.parts.filter(({ state }) => state !== 'removed').length;
  const facts = [many(chain.rows, 'row'), many(parts, 'file')];
  if (chain.first_ts !== null) facts.push(`${iso(chain.first_ts)} to ${iso(chain.last_ts)}`);
  if (coverage.ratio !== null) {
    facts.push(`rows in ${percent(coverage.ratio)} of ${many(coverage.minutes, 'minute')}`);
    facts.push(`longest silence ${coverage.longest_silence_sec.toFixed(1)} s`);
  }
  if (ids?.rule === 'dense') facts.push(`${many(ids.missing ?? 0, 'id')} missing`);
  if (book !== null) facts.push(many(book.snapshots, 'snapshot'));
  const head = `${VERDICTS[chain.verdict].padEnd(9)}  ${chain.file.padEnd(width)}  ${facts.join(', ')}`;
  const more = chain.holes.explained + chain.holes.unexplained - Math.min(SHOWN, holes.length);
  // What nothing explains first.
  const sorted = [...holes].sort((a, b) => a.explained_by.length - b.explained_by.length);
  return [
    head,
    ...faultsText(chain),
    ...sorted.slice(0, SHOWN).map((hole) => indent(holeText(hole))),
    ...(more > 0 ? [indent(`and ${many(more, 'more hole')}`)] : []),
    ...remarksOf(chain).map(indent),
  ];
}

const indent = (text: string): string => `             ${text}`;

function faultsText({ faults, fault_list }: ChainReport): readonly string[] {
  return (Object.keys(faults) as FaultKind[]).flatMap((kind) => {
    const count = faults[kind] ?? 0;
    const listed = fault_list.filter((fault) => fault.kind === kind).slice(0, SHOWN);
    const more = count > listed.length ? [indent(`  and ${number(count - listed.length)} more`)] : [];
    return [indent(`${FAULTS[kind]}: ${number(count)}`), ...listed.map(faultText), ...more];
  });
}

function faultText({ file, line, local_ts, message }: Fault): string {
  const place = line === null ? file : `${file}, line ${line}`;
  return indent(`  ${place}${local_ts === null ? '' : `, ${iso(local_ts)}`}: ${message}`);
}

function holeText(hole: Hole): string {
  const { kind, from, to, missing, explained_by, hints, file, line } = hole;
  const subject = {
    ids: () => `${many(missing ?? 0, 'trade')} missing, ids ${(from.id ?? 0) + 1} to ${(to.id ?? 0) - 1}`,
    book: () => `book joined anew, ${from.seq} is followed by a snapshot at ${to.seq}`,
    ledger: () => `${hole.venue} ${hole.feed} ${hole.symbol}: only the ledger tells of it`,
    file: () =>
      `rows of ${hole.venue} ${hole.feed} ${hole.symbol} were written, and no file of them is there`,
    capture: () =>
      missing === null
        ? 'a capture’s end is torn or missing'
        : `${many(missing, 'line')} of a capture missing`,
  }[kind]();
  const until = to.local_ts === null ? 'an open end' : iso(to.local_ts);
  const place = file === null ? '' : line === null ? ` (${file})` : ` (${file}, line ${line})`;
  const why =
    explained_by.length > 0
      ? `explained by gap ${explained_by.join(', ')}`
      : `nothing explains it${hints.length > 0 ? `; near it: ${hints.join(', ')}` : ''}`;
  return `hole: ${subject}, from ${iso(from.local_ts)} to ${until}${place}: ${why}`;
}

function remarksOf({ clock, ids, book, remarks }: ChainReport): readonly string[] {
  const told = [...remarks];
  if (clock.steps > 0) told.push(`the clock was set back ${many(clock.steps, 'time')}, as events.jsonl says`);
  if (clock.corrections > 0)
    told.push(`the clock was corrected ${many(clock.corrections, 'time')} by less than 0.25 s`);
  if (ids?.late) told.push(`${many(ids.late, 'id')} came behind a higher one (back-fill)`);
  if (book !== null && book.snapshot_parts > 0)
    told.push(
      `${many(book.snapshot_parts, 'file')} with nothing but snapshots: what is missing between them cannot be told`,
    );
  if (book !== null && book.unusable > 0) told.push(`${many(book.unusable, 'row')} without a book`);
  return told;
}

function captureText(captures: readonly CaptureReport[]): readonly string[] {
  if (captures.length === 0) return [];
  const bad = captures.filter(({ verdict }) => verdict !== 'clean');
  const lines = captures.reduce((sum, capture) => sum + capture.lines, 0);
  return [
    `captures: ${many(captures.length, 'file')}, ${many(lines, 'line')}, ${captures.length - bad.length} of them whole`,
    ...bad.flatMap(({ file, verdict, torn_bytes, faults }) => {
      const torn = torn_bytes === 0 ? [] : [`${many(torn_bytes, 'torn byte')} at its end`];
      return [`${VERDICTS[verdict].padEnd(9)}  ${file}: ${[...torn, ...faults].join('; ')}`];
    }),
  ];
}

/** Of epoch seconds. */
function iso(ts: number | null): string {
  return ts === null ? 'an unknown time' : isoOf(Math.round(ts * 1e6));
}

const number = (value: number): string => value.toLocaleString('en-US');

const many = (count: number, what: string): string => `${number(count)} ${what}${count === 1 ? '' : 's'}`;

/** Cut, not rounded: 100 % is all of it. */
const percent = (ratio: number): string => `${Math.floor(ratio * 1000) / 10} %`;

function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
