/** The status files, written on time: `status.json`, `rate_stats.json`; and whoever else is told how it is. */

import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import type { Failure } from '../core/result.ts';
import { replaceFile } from '../io/atomic.ts';
import { createGather, type Gathered, type StatusSources } from './gather.ts';
import { createHealthLog } from './health-log.ts';
import { createJudge } from './hysteresis.ts';
import { watchLoopLag } from './loop-lag.ts';
import { openOutlets } from './outlets.ts';
import type { Fact } from './protocol.ts';
import { createThrottleWatch } from './rate-stats.ts';
import type { StatusInput } from './status.ts';

/** DESIGN 6.4: both files at least this often. */
const EVERY_MS = 5_000;
/** The status is also written soon after a change of level. */
const LOOK_MS = 1_000;
/** Held for longer, this thread has not heard yet what the others said meanwhile: it looks again before it judges. */
const HELD_MS = 5_000;

export interface TelemetryInput extends StatusSources {
  readonly dataDir: string;
  /** Of `http` what it is at the start. */
  settings(): Pick<Settings, 'health' | 'http'>;
  /** A status file could not be written. True when there is room for another try. */
  makeRoom(code: string): Promise<boolean>;
  note(fact: Fact): void;
  /** A line that operators look for. */
  say(line: string): void;
  onError(scope: string, failure: Failure): void;
}

export interface Telemetry {
  phase(phase: StatusInput['phase']): void;
  /** Writes the status soon: something has changed that is looked for. */
  soon(): void;
  /** Writes the last status, as `stopped`. */
  stop(): Promise<void>;
}

export function startTelemetry(input: TelemetryInput): Telemetry {
  const { clock, dataDir } = input;
  let phase: StatusInput['phase'] = 'starting';
  let lastWriteMs = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  let newest: (Gathered & { readonly atMs: number }) | null = null;

  const outlets = openOutlets({
    ...input,
    view: () =>
      newest && {
        status: newest.status.object,
        rates: newest.rates,
        ageMs: clock.monoMs() - newest.atMs,
      },
  });
  const log = createHealthLog({ clock, note: input.note, onWhole: outlets.changed });
  const gather = createGather(input, { judge: createJudge(clock), log });
  const watchThrottle = createThrottleWatch(input.note);
  const lag = watchLoopLag(clock);

  const build = (): Gathered => {
    const gathered = gather({ phase, loopLagMs: lag.ms(), webhook: outlets.webhook() });
    newest = { ...gathered, atMs: clock.monoMs() };
    return gathered;
  };

  const write = async ({ status, rates }: Gathered): Promise<void> => {
    watchThrottle(rates.stats);
    const files = [
      ['status.json', status.object],
      ['rate_stats.json', rates],
    ] as const;
    for (const [name, object] of files) {
      const put = () => replaceFile(join(dataDir, 'collector', name), `${JSON.stringify(object)}\n`);
      const first = await put();
      const result = first.ok || !(await input.makeRoom(first.error.code)) ? first : await put();
      if (!result.ok) input.onError(`collector/${name}`, result.error);
    }
  };

  const writeNow = (gathered: Gathered): void => {
    lastWriteMs = clock.monoMs();
    lag.forget();
    writing = writing.then(() => write(gathered));
  };

  let lookedMs = clock.monoMs();
  let toldMode: string = input.mode();
  let skipped = false;
  const look = (): void => {
    const nowMs = clock.monoMs();
    skipped = !skipped && nowMs - lookedMs - LOOK_MS > HELD_MS;
    lookedMs = nowMs;
    if (skipped) return;
    const gathered = build();
    const { mode } = gathered.status.object;
    const changed = log.compare(gathered.status.scopes) || mode !== toldMode;
    toldMode = mode;
    if (changed || nowMs - lastWriteMs >= EVERY_MS - LOOK_MS / 2) writeNow(gathered);
  };

  const stopLook = clock.every(LOOK_MS, look);
  return {
    phase(next) {
      phase = next;
      writeNow(build());
    },
    soon() {
      lastWriteMs = Number.NEGATIVE_INFINITY;
    },
    async stop() {
      stopLook();
      lag.stop();
      phase = 'stopped';
      writeNow(build());
      await writing;
      await outlets.close();
    },
  };
}
