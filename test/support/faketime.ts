/** A process whose wall clock is set while it runs; its monotonic clock goes on, as when an operator or NTP steps. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeTime {
  /** For the process. */
  readonly env: NodeJS.ProcessEnv;
  /** Seconds between the real wall clock and the process's. */
  step(offsetSec: number): void;
}

/** Debian and its children have it in a folder of the machine's kind. */
function library(): string | null {
  const folders = existsSync('/usr/lib') ? ['', ...readdirSync('/usr/lib')] : [];
  const paths = folders.map((folder) => join('/usr/lib', folder, 'faketime/libfaketime.so.1'));
  return paths.find((path) => existsSync(path)) ?? null;
}

/** `file` holds the offset. */
export function fakeTime(file: string): FakeTime {
  const step = (offsetSec: number): void => {
    // Put in place whole: the process reads it at every look at the clock.
    writeFileSync(`${file}.new`, `${offsetSec < 0 ? '' : '+'}${offsetSec}\n`);
    renameSync(`${file}.new`, file);
  };
  step(0);
  return {
    env: {
      LD_PRELOAD: library() ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    step,
  };
}

/** Null when a process's clock can be set here; otherwise why not. */
export function whyNoFakeTime(): string | null {
  if (library() === null) return 'libfaketime is not installed';
  const folder = mkdtempSync(join(tmpdir(), 'tapedeck-faketime-'));
  try {
    const time = fakeTime(join(folder, 'offset'));
    time.step(-7_200);
    const told = execFileSync(process.execPath, ['-p', 'Date.now()'], {
      env: { ...process.env, ...time.env },
      encoding: 'utf8',
    });
    return Math.abs(Date.now() - 7_200_000 - Number(told)) < 60_000 ? null : 'libfaketime has no effect';
  } catch (thrown) {
    return String(thrown).split('\n')[0] ?? 'unknown';
  } finally {
    rmSync(folder, { recursive: true });
  }
}
