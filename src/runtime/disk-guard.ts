/**
 * What is done when the disk is full: the reserve is given up so that the status can still be written, rows wait, and
 * writing goes on when there is room for a new reserve. Without a reserve every file is simply tried again.
 */

import type { Clock } from '../core/ports.ts';
import type { Failure, Result } from '../core/result.ts';

/** Of `io/reserve.ts`. */
export interface Reserve {
  prepare(): Promise<Result<void>>;
  release(): Promise<Result<boolean>>;
  restore(freeBytes: number): Promise<Result<boolean>>;
  held(): boolean;
}

export interface DiskGuardPort {
  readonly clock: Pick<Clock, 'monoMs'>;
  readonly reserve: Reserve;
  onError(failure: Failure): void;
  /** Rows wait from now on (true), or are written again. */
  onHold(holding: boolean): void;
}

export interface DiskGuard {
  /** Makes the reserve. A disk with no room for it is told, and recorded to all the same. */
  prepare(): Promise<void>;
  /** Something could not be written: where the disk is full, the reserve is given up. True when that made room. */
  failed(code: string): Promise<boolean>;
  /** The room that is left now. */
  measured(freeBytes: number): Promise<void>;
  mayWrite(): boolean;
}

const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];
/**
 * Holds that come again and again so soon last longer each time: a quota or a lack of inodes is not seen in the free bytes.
 */
const SOON_MS = 60_000;
const FIRST_HOLD_MS = 1_000;
const MAX_HOLD_MS = 60_000;

export function createDiskGuard({ clock, reserve, onError, onHold }: DiskGuardPort): DiskGuard {
  let holding = false;
  let endedMs = Number.NEGATIVE_INFINITY;
  /** Holds that came soon after the one before. */
  let again = 0;
  let untilMs = 0;

  const hold = (on: boolean): void => {
    if (holding === on) return;
    holding = on;
    const nowMs = clock.monoMs();
    if (on) {
      again = nowMs - endedMs < SOON_MS ? again + 1 : 0;
      const leastMs = again < 2 ? 0 : Math.min(MAX_HOLD_MS, FIRST_HOLD_MS * 2 ** (again - 2));
      untilMs = nowMs + leastMs;
    } else endedMs = nowMs;
    onHold(on);
  };

  return {
    async prepare() {
      const made = await reserve.prepare();
      if (!made.ok) onError(made.error);
    },
    async failed(code) {
      if (!FULL.includes(code) || !reserve.held()) return false;
      // Before the room is there: nobody else is to take it.
      hold(true);
      const released = await reserve.release();
      if (!released.ok) onError(released.error);
      return released.ok && released.value;
    },
    async measured(freeBytes) {
      if (!holding || clock.monoMs() < untilMs) return;
      const restored = await reserve.restore(freeBytes);
      if (!restored.ok) onError(restored.error);
      else if (reserve.held()) hold(false);
    },
    mayWrite: () => !holding,
  };
}
