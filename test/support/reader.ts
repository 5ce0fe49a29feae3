/**
 * A program: reads every replaced file of a data folder about a thousand times a second, and prints as JSON what it
 * met. Arguments: the folder, and how many times each file is read.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkReplaced, replacedFiles } from './recorded.ts';

/** What the program prints. */
export interface Met {
  /** Contents that differed from the one read before, by file. */
  readonly changes: Readonly<Record<string, number>>;
  /** The first few contents that were not whole. */
  readonly problems: readonly string[];
}

const ROUND_MS = 1;
const LIST_EVERY = 200;

function readAll(data: string, rounds: number): Met {
  const seen = new Map<string, { bytes: Buffer; changes: number }>();
  const problems: string[] = [];
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let files: readonly string[] = [];
  for (let round = 0; round < rounds && problems.length < 10; round++) {
    const startMs = performance.now();
    if (round % LIST_EVERY === 0) files = replacedFiles(data);
    for (const file of files) {
      try {
        const bytes = readFileSync(join(data, file));
        const last = seen.get(file);
        if (last?.bytes.equals(bytes)) continue;
        seen.set(file, { bytes, changes: (last?.changes ?? 0) + 1 });
        checkReplaced(file, bytes.toString('utf8'));
      } catch (thrown) {
        // A file that was there once is always there.
        problems.push(thrown instanceof Error ? thrown.message : String(thrown));
      }
    }
    const leftMs = startMs + ROUND_MS - performance.now();
    if (leftMs > 0) Atomics.wait(pause, 0, 0, leftMs);
  }
  return {
    changes: Object.fromEntries([...seen].map(([file, { changes }]) => [file, changes])),
    problems,
  };
}

const [data = '', rounds = ''] = process.argv.slice(2);
console.log(JSON.stringify(readAll(data, Number(rounds))));
