/** `tapedeck soak`: the collector under faults for a long time, on virtual or on real time, and a report. */

import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Environment } from '../../config/load.ts';
import { failureOf } from '../core/result.ts';
import { replaceFile } from '../io/atomic.ts';
import { systemClock } from '../io/clock.ts';
import { type Console, EXIT, type Place } from './console.ts';
import { createProgress } from './progress.ts';
import { readSoakArgs, SOAK_HELP } from './soak/options.ts';
import { durationText, reportMarkdown } from './soak/report.ts';
import { realSoak } from './soak/run-real.ts';
import { virtualSoak } from './soak/run-virtual.ts';

export { SOAK_HELP };

/** Resolves with the exit code: 0 nothing was found, 1 findings, 64 bad arguments, 74 the folder cannot be used. */
export async function runSoak(
  argv: readonly string[],
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const args = readSoakArgs(argv);
  if (!args.ok) {
    io.err(`tapedeck soak: ${args.error.message}`);
    return EXIT.usage;
  }
  const { kind, seed, totalSec } = args.value;
  const clock = systemClock();
  const stamp = new Date(clock.wallUs() / 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const out = resolve(place.cwd, args.value.out ?? join('data', 'soak', `${seed}-${stamp}`));
  const refused = prepare(out);
  if (refused !== null) {
    io.err(`tapedeck soak: ${refused}`);
    return EXIT.io;
  }
  io.out(`[soak] ${durationText(totalSec)} of ${kind} time, seed ${seed}, into ${out}`);
  const progress = createProgress(io.progress, clock.monoMs, durationText);
  const options = {
    ...args.value,
    out,
    version: place.version,
    progress: progress.show,
    nowMs: clock.monoMs,
  };
  const soaked = await (kind === 'virtual'
    ? virtualSoak({ ...options, compressUrl: place.compressUrl })
    : realSoak({ ...options, clock, cli: place.cli, env }));
  progress.clear();
  if (!soaked.ok) {
    io.err(`tapedeck soak: ${soaked.error.message}`);
    return EXIT.io;
  }
  const report = soaked.value;
  const stem = join(out, `soak-report-${seed}`);
  for (const [path, text] of [
    [`${stem}.json`, `${JSON.stringify(report, null, 2)}\n`],
    [`${stem}.md`, reportMarkdown(report)],
  ] as const) {
    const written = await replaceFile(path, text);
    if (!written.ok) {
      io.err(`tapedeck soak: ${path}: ${written.error.message}`);
      return EXIT.io;
    }
  }
  for (const { check, where, what } of report.findings) io.out(`  ${check} ${where}: ${what}`);
  const found = report.passed ? 'nothing was found' : `${report.findings_count} findings`;
  io.out(`[soak] ${found}; verify: ${report.verify.verdict}; ${stem}.md`);
  return report.passed ? EXIT.ok : EXIT.warn;
}

/** Makes the folder; a reason where it is not ours alone. */
function prepare(out: string): string | null {
  try {
    mkdirSync(out, { recursive: true });
    return readdirSync(out).length === 0 ? null : `${out} is not empty: give another with --out`;
  } catch (thrown) {
    return failureOf(thrown).message;
  }
}
