/** The disk that the data lies on: how much room is left, for how long, and what is done about it. */

import { createForecast, fullText } from '../core/forecast.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { type Failure, failureOf } from '../core/result.ts';
import type { DiskGuard } from './disk-guard.ts';

const LOOK_MS = 1_000;
const RETENTION_MS = 60_000;

export interface DiskPort {
  readonly clock: Clock;
  readonly guard: DiskGuard;
  freeBytes(): Promise<number>;
  /** Removes what is to be removed now. Never rejects. */
  retain(): Promise<void>;
  onError(failure: Failure): void;
}

/** As it stands in `status.json`, under `writer`. */
export interface DiskStatus {
  /** Null: not known yet, or it could not be asked. */
  readonly disk_free_bytes: number | null;
  /** At the rate of the last hours, up to a day; null: not known, or not shrinking. */
  readonly disk_full_in_sec: number | null;
  /** The same for people: `disk full in 12 days at this rate`. */
  readonly disk_forecast: string | null;
  /** The disk is full: rows wait until there is room for a new reserve. */
  readonly disk_hold: boolean;
}

export interface Disk {
  status(): DiskStatus;
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

export function watchDisk(port: DiskPort): Disk {
  const { clock, guard } = port;
  const forecast = createForecast();
  let freeBytes: number | null = null;
  let looking: Promise<void> | null = null;
  let retainedMs = clock.monoMs();

  const look = async (): Promise<void> => {
    try {
      freeBytes = await port.freeBytes();
      forecast.add(freeBytes, clock.monoMs());
    } catch (thrown) {
      freeBytes = null;
      port.onError(failureOf(thrown));
    }
    if (freeBytes !== null) await guard.measured(freeBytes);
    if (clock.monoMs() - retainedMs < RETENTION_MS) return;
    retainedMs = clock.monoMs();
    await port.retain();
  };

  const turn = (): void => {
    // A disk that hangs is not asked again and again.
    looking ??= look().finally(() => {
      looking = null;
    });
  };

  turn();
  const cancel: Cancel = clock.every(LOOK_MS, turn);
  return {
    status() {
      const { fullInSec } = forecast.read();
      return {
        disk_free_bytes: freeBytes,
        disk_full_in_sec: fullInSec,
        disk_forecast: fullInSec === null ? null : fullText(fullInSec),
        disk_hold: !guard.mayWrite(),
      };
    },
    async stop() {
      cancel();
      await looking;
    },
  };
}
