/** What is checked of a closed file as a file, beyond the rows in it. */

import type { PartRead } from '../../io/part-read.ts';
import { type PartFile, partOf } from '../../io/recorded-files.ts';
import type { Findings } from './findings.ts';

/** An archive against itself; that and a closed file against its line in the manifest. `lines`: those behind the header. */
export function checkClosed(part: PartFile, read: PartRead, lines: number, findings: Findings): void {
  const { file, entry } = part;
  const fault = (kind: 'damaged' | 'manifest' | 'unlisted', message: string): void =>
    findings.fault(kind, { file }, null, message);
  const { gzip } = read;
  const told = (pairs: readonly (readonly [string, string | number, string | number])[]): void => {
    const wrong = pairs.filter(([, is, said]) => is !== said);
    if (wrong.length === 0) return;
    const message = wrong.map(([name, is, said]) => `${name} is ${is}, the manifest says ${said}`).join('; ');
    fault('manifest', message);
  };
  if (gzip === null) {
    // It was sealed already, and is about to go: while it stands its archive is not looked at.
    if (entry === null) return;
    return told([
      ['csv_bytes', read.textBytes, entry.csv_bytes],
      ['rows', lines, entry.rows],
    ]);
  }
  if (gzip.damage !== null) fault('damaged', `behind byte ${gzip.wholeBytes}: ${gzip.damage.message}`);
  else if (gzip.tornBytes > 0) fault('damaged', 'the file ends within its gzip member');
  else if (gzip.members !== 1)
    fault('damaged', `${gzip.members} gzip members: readers stop behind the first`);
  if (entry === null) return fault('unlisted', 'no line of the manifest names it');
  told([
    ['bytes', read.bytes, entry.bytes],
    ['sha256', gzip.sha256, entry.sha256],
    ['csv_bytes', read.textBytes, entry.csv_bytes],
    ['csv_sha256', gzip.textSha256, entry.csv_sha256],
    ['rows', lines, entry.rows],
  ]);
}

/** Remarks on a chain's parts. */
export function leftOut(parts: readonly PartFile[]): readonly string[] {
  const remarks: string[] = [];
  const removed = parts.filter(({ state }) => state === 'removed');
  const reasons = [...new Set(removed.map(({ removal }) => removal?.reason))].join(', ');
  if (removed.length > 0) remarks.push(`archives that were removed (${reasons}): ${removed.length}`);
  const unsealed = parts.filter(({ state }) => state === 'unsealed').length;
  if (unsealed > 0) remarks.push(`closed files that are not sealed yet: ${unsealed}`);
  const numbers = new Map<string, Set<number>>();
  for (const { file } of parts) {
    const name = partOf(file);
    if (name === null) continue;
    const ofDay = numbers.get(name.day) ?? new Set();
    numbers.set(name.day, ofDay.add(name.number));
  }
  for (const [day, ofDay] of numbers) {
    for (let number = 1; number < Math.max(...ofDay); number++)
      if (!ofDay.has(number)) remarks.push(`${day} has no part ${String(number).padStart(3, '0')}`);
  }
  return remarks;
}
