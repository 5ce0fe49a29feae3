/** A real collector process against the simulator in this process. */

import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../../src/io/clock.ts';
import { type Sim, startSim } from '../../src/sim/server.ts';
import { VENUES } from '../../src/venues/index.ts';
import { PROJECT } from './place.ts';

export interface JournalLine {
  /** When it was sent, by this process's clock. */
  readonly ts: number;
  readonly venue: string;
  readonly conn: string;
  readonly feed?: 'trades' | 'ticker' | 'orderbook';
  readonly symbol: string;
  readonly id: string;
  readonly side: string;
  readonly price: string;
  readonly amount: string;
  readonly timestampUs: number | null;
  readonly snapshot: boolean;
  readonly sequence: number | null;
  readonly prevSequence: number | null;
  readonly bids: readonly (readonly [string, string])[];
  readonly asks: readonly (readonly [string, string])[];
}

export async function simulator(
  rate: number,
  seed = 1,
): Promise<{ readonly sim: Sim; readonly journal: JournalLine[] }> {
  const journal: JournalLine[] = [];
  const started = await startSim({
    host: '127.0.0.1',
    port: 0,
    seed,
    rate,
    venues: VENUES,
    symbols: {},
    clock: systemClock(),
    journal: (line) => journal.push(JSON.parse(line) as JournalLine),
  });
  if (!started.ok) throw new Error(started.error.message);
  return { sim: started.value, journal };
}

export interface Run {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly errors: string[];
  /** Resolves with the exit code. */
  readonly exit: Promise<number | null>;
  status(): Status;
}

export interface Status {
  readonly ts: number;
  readonly pid: number;
  readonly state: string;
  readonly mode: string;
  readonly level: string;
  readonly reasons: readonly string[];
  readonly stages: {
    readonly parts: readonly { readonly counts: Readonly<Record<string, number>> }[];
  };
  readonly writer: {
    readonly failing_files: number;
    readonly disk_hold: boolean;
    readonly last_error: string | null;
    readonly rows_lost: number;
  };
  readonly workers: readonly {
    readonly id: string;
    readonly state: string;
    readonly level: string;
    readonly reconnects: number;
    readonly transport: string;
    readonly fallback: boolean;
    readonly capture: (Readonly<Record<string, unknown>> & { readonly bytes: number }) | null;
    readonly rows_written: number;
    readonly events_total: number;
    readonly events_60s: number;
    readonly rejects: number;
    readonly resyncs: number;
    readonly symbols: Readonly<Record<string, { readonly state: string }>>;
  }[];
}

export interface Around {
  /** A command that runs the collector in its own place, as `strace -D` does. */
  readonly wrap?: readonly string[];
  /** More settings, beside `paths` and `venues`. */
  readonly settings?: object;
}

/** A copy of the project's place in `root`, so that a run makes its settings and logs there. */
export function startCollector(
  root: string,
  venues: object,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  around: Around = {},
): Run {
  mkdirSync(join(root, 'config'), { recursive: true });
  copyFileSync(join(PROJECT, 'config/settings.default.yaml'), join(root, 'config/settings.default.yaml'));
  const settings = join(root, 'settings.yaml');
  writeFileSync(settings, stringify({ paths: { logs: join(root, 'logs') }, ...around.settings, venues }));
  const cli = join(PROJECT, 'dist/ops/cli.js');
  const own = [
    process.execPath,
    cli,
    'collector',
    '--config',
    settings,
    '--data',
    join(root, 'data'),
    ...args,
  ];
  const [command = '', ...words] = [...(around.wrap ?? []), ...own];
  const child = spawn(command, words, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const errors: string[] = [];
  const collect = (into: string[]) => (chunk: Buffer) =>
    into.push(...chunk.toString('utf8').split('\n').filter(Boolean));
  child.stdout?.on('data', collect(lines));
  child.stderr?.on('data', collect(errors));
  return {
    process: child,
    lines,
    errors,
    exit: new Promise((resolve) => child.once('exit', resolve)),
    status: () => JSON.parse(readFileSync(join(root, 'data/collector/status.json'), 'utf8')) as Status,
  };
}

/** Looks until it is so; fails after a while with what was wanted. */
export async function until(what: string, isSo: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export function hasFile(root: string, file: string): boolean {
  return existsSync(join(root, 'data', file));
}
