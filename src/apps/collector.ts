/** `tapedeck collector`: runs in the foreground until it is told to stop. */

import { join } from 'node:path';
import { type Environment, type LoadedSettings, readText } from '../../config/load.ts';
import { withMode } from '../../config/mode-text.ts';
import type { Settings } from '../../config/schema.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { err, type Failure, ok, type Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { replaceFile } from '../io/atomic.ts';
import { systemClock } from '../io/clock.ts';
import {
  cleanDataDir,
  clearFlag,
  type Flag,
  hasFlag,
  type Kind,
  prepareDataDir,
  setFlag,
} from '../io/data-dir.ts';
import { editFile } from '../io/edit-file.ts';
import { acquireLock, type Lock } from '../io/lock.ts';
import { type Log, openLog } from '../io/log.ts';
import { createApp, type SettingsFile } from '../runtime/app.ts';
import { growLittle, ownHeap } from '../runtime/heap.ts';
import { VENUES, venuesOf } from '../venues/index.ts';
import { type CollectorOptions, loadFor, readOptions, wantedSymbols } from './collector-options.ts';
import { type Console, EXIT, type Place } from './console.ts';
import { type Simulator, startSimulator } from './simulator.ts';

export { COLLECTOR_HELP } from './collector-options.ts';

/** Resolves with the exit code: 0 stopped in order, 64 bad settings or options, 74 cannot write, 75 running already. */
export async function runCollector(
  argv: readonly string[],
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const options = readOptions(argv);
  if (!options.ok) return refuse(io, EXIT.usage, [options.error.message]);
  growLittle(ownHeap());
  const load = (endpoints?: Simulator['endpoints'], file?: string) =>
    loadFor(options.value, place, env, endpoints, file);
  const loaded = await load();
  if (!loaded.ok) return refuse(io, EXIT.usage, texts(loaded.error));
  const { settings } = loaded.value;
  if (loaded.value.created) io.out(`[collector] settings made: ${loaded.value.file}`);
  io.out(`[collector] DATA=${settings.paths.data} LOGS=${settings.paths.logs}`);
  io.out('[collector] MODE=FOREGROUND');

  const seat = await takeSeat(settings, options.value.sim ? 'sim' : 'live', place, io);
  if (!seat.ok) return refuse(io, seat.error.code, [seat.error.message]);
  const run = (from: LoadedSettings, endpoints?: Simulator['endpoints']) => {
    const file = settingsFile(from, () => load(endpoints, from.file));
    return collect(from.settings, file, seat.value, options.value, place, io, env);
  };
  if (!options.value.sim) return run(loaded.value);

  const args = [...options.value.simArgs, '--symbols', wantedSymbols(settings)];
  const simulator = await startSimulator(place.cli, args);
  if (!simulator.ok) {
    const code = simulator.error.code === 'usage' ? EXIT.usage : EXIT.software;
    return refuse(io, code, [simulator.error.message]);
  }
  if (simulator.value.control !== null)
    io.out(`[collector] simulator: control on ${simulator.value.control}`);
  const pointed = await load(simulator.value.endpoints);
  const code = pointed.ok
    ? await run(pointed.value, simulator.value.endpoints)
    : refuse(io, EXIT.usage, texts(pointed.error));
  simulator.value.stop();
  return code;
}

const texts = (problems: readonly { readonly text: string }[]): readonly string[] =>
  problems.map(({ text }) => text);

/** The settings file as the running collector knows it: read again as at the start. */
function settingsFile({ file, text }: LoadedSettings, load: () => ReturnType<typeof loadFor>): SettingsFile {
  return {
    text,
    read: () => readText(file),
    async load() {
      const loaded = await load();
      return loaded.ok ? ok(loaded.value.settings) : err(texts(loaded.error));
    },
    writeProd: () => editFile(file, (now) => withMode(now, 'DIAG', 'PROD')),
  };
}

/** The data directory, ours alone. */
interface Seat {
  readonly kind: Kind;
  readonly lock: Lock;
  readonly log: Log;
  readonly clock: Clock;
}

/** Makes the folders, takes the lock, opens the log, removes what a killed process left. The error's code is to exit with. */
async function takeSeat(
  { paths: { data, logs } }: Settings,
  kind: Kind,
  place: Place,
  io: Console,
): Promise<Result<Seat, { readonly code: number; readonly message: string }>> {
  const clock = systemClock();
  const refused = (code: number, message: string) => err({ code, message });
  const cannotWrite = (where: string, why: Failure) =>
    refused(EXIT.io, `cannot write to ${where}: ${why.message}`);
  const prepared = await prepareDataDir(data, kind, clock.wallUs());
  if (!prepared.ok) {
    return refused(prepared.error.code === 'other_kind' ? EXIT.usage : EXIT.io, prepared.error.message);
  }
  const lock = await acquireLock(data, process.platform, ({ code, message }) =>
    io.err(`[NG] lock: ${code} ${message}`),
  );
  if (!lock.ok) return refused(lock.error.code === 'locked' ? EXIT.running : EXIT.io, lock.error.message);
  const log = await openLog(logs, clock, 'info');
  if (!log.ok) return cannotWrite(logs, log.error);
  const cleaned = await cleanDataDir(data);
  if (!cleaned.ok) return cannotWrite(data, cleaned.error);
  if (cleaned.value > 0) io.out(`REPAIR: ${cleaned.value} half-written files of an earlier run removed`);
  const lockFile = await writeLockFile(data, place.version, clock.wallUs());
  if (!lockFile.ok) return cannotWrite(data, lockFile.error);
  for (const flag of ['STOP', 'STOPPED', 'READY'] as const) clearFlag(data, flag);
  return ok({ kind, lock: lock.value, log: log.value, clock });
}

async function collect(
  settings: Settings,
  file: SettingsFile,
  { kind, lock, log, clock }: Seat,
  args: CollectorOptions,
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const { data } = settings.paths;
  const stopping = stopSignal(data, clock, args.durationSec, env.npm_lifecycle_event !== undefined);
  const app = await createApp({
    settings,
    file,
    // The simulator has none of ccxt's: with it nothing may reach the network.
    venuesOf: kind === 'sim' ? () => VENUES : venuesOf,
    kind,
    version: place.version,
    clock,
    random: Math.random,
    fetcherUrl: place.fetcherUrl,
    compressUrl: place.compressUrl,
    // The simulator is on loopback, where no proxy leads.
    proxy: kind === 'live' ? env.HTTPS_PROXY || undefined : undefined,
    log,
    say: io.out,
  });
  if (!app.ok)
    return refuse(io, EXIT.io, [`[NG] contract: SafeWriter ${app.error.code} ${app.error.message}`]);

  const started = await app.value.start();
  if (started.ok) {
    await raise(data, 'READY', clock, io);
    const why = await stopping.promise;
    io.out(`[EXIT collector] shutting down... (${why})`);
  }
  stopping.cancel();
  clearFlag(data, 'READY');
  const stopped = await app.value.stop();
  await raise(data, 'STOPPED', clock, io);
  await lock.release();
  if (!started.ok) return refuse(io, EXIT.usage, started.error);
  return stopped.ok ? EXIT.ok : refuse(io, EXIT.io, [`rows could not be written: ${stopped.error.message}`]);
}

function refuse(io: Console, code: number, lines: readonly string[]): number {
  for (const line of lines) io.err(line);
  return code;
}

/**
 * Resolves with the reason at the first of: SIGINT, SIGTERM, the STOP flag, the end of `--duration`. Under npm also the
 * end of the parent: npm hands SIGTERM to a shell that ends without telling us.
 */
function stopSignal(
  data: string,
  clock: Clock,
  durationSec: number | null,
  underNpm: boolean,
): { readonly promise: Promise<string>; cancel(): void } {
  const cancels: Cancel[] = [];
  const parent = process.ppid;
  const promise = new Promise<string>((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      // The second one does not wait for an orderly end.
      if (asked) process.exit(1);
      asked = true;
      resolve(signal);
    };
    const look = (): void => {
      if (hasFlag(data, 'STOP')) resolve('STOP flag');
      if (underNpm && process.ppid !== parent) resolve('npm ended');
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    cancels.push(clock.every(1_000, look));
    if (durationSec !== null) cancels.push(clock.after(durationSec * 1000, () => resolve('--duration')));
  });
  return {
    promise,
    cancel: () => {
      for (const cancel of cancels) cancel();
    },
  };
}

/** A flag that cannot be raised misleads wrappers, and stops nothing. */
async function raise(data: string, flag: Flag, clock: Clock, io: Console): Promise<void> {
  const raised = await setFlag(data, flag, clock.wallUs());
  if (!raised.ok) io.err(`the flag ${flag} could not be written: ${raised.error.message}`);
}

/** For people and wrappers; the lock itself is the kernel's. */
function writeLockFile(data: string, version: string, nowUs: number): Promise<Result<void>> {
  const text = JSON.stringify({ pid: process.pid, started_ts: seconds(nowUs), version });
  return replaceFile(join(data, 'runtime', 'collector.lock'), `${text}\n`);
}
