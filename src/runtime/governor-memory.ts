/**
 * What the governors must not forget when the process dies at any moment: bans, and how much of each venue's windows
 * is used. Bans are on disk before anybody goes on. Permits are not written one by one: what may be used next is
 * written ahead in portions, so that a file of any age covers all that was sent since.
 */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Failure, Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { type GovernorFile, readGovernorFile, writeGovernorFile } from '../io/governor-file.ts';

/** A venue wants no request (`rest`), or no session of any kind (`all`), before then. */
export interface Ban {
  readonly untilUs: number;
  readonly kind: 'ban' | 'pause';
  readonly scope: 'rest' | 'all';
  readonly reason: string;
}

/** One venue's part, with times in µs UTC. */
export interface Remembered {
  readonly bans: readonly Ban[];
  readonly lowered: { readonly factor: number; readonly untilUs: number } | null;
  /** The newest permit; null: none yet. */
  readonly lastUs: number | null;
  /** By window: `[time, weight]`, oldest first. */
  readonly used: Readonly<Record<string, readonly (readonly [us: number, weight: number])[]>>;
}

export interface VenueMemory {
  /** What an earlier process left; what it may have used after its last save stands as used now. Null: nothing. */
  readonly left: Remembered | null;
  /** Resolves when the present state is on disk, or the failure was told. */
  save(): Promise<void>;
  /**
   * Takes `weight` of a window from what the file allows for. False while it allows for less: a portion that has room
   * for `portion` is then written, and `ready` called.
   */
  take(window: string, weight: number, portion: number, ready: () => void): boolean;
  giveBack(window: string, weight: number): void;
  /** Nothing is used any more: the last save says exactly what was. */
  close(): void;
}

export interface GovernorMemory {
  /**
   * The part of one venue; `now` gives what to remember of it, at each save. Opened again after its close, it has what
   * was left then.
   */
  open(venue: string, now: () => Remembered): VenueMemory;
  /** Resolves when all that was to be saved is. */
  settled(): Promise<void>;
}

export interface MemoryPort {
  readonly clock: Pick<Clock, 'wallUs'>;
  /** The file of an earlier process; null where there is none. */
  readonly file: GovernorFile | null;
  write(file: GovernorFile): Promise<Result<void>>;
  onError(failure: Failure): void;
}

/** Over `runtime/governor.json` of a data directory. A file that cannot be read is told, and ignored. */
export async function openGovernorMemory(
  dataDir: string,
  clock: MemoryPort['clock'],
  onError: (scope: string, failure: Failure) => void,
): Promise<GovernorMemory> {
  const name = 'runtime/governor.json';
  const path = join(dataDir, name);
  const read = await readGovernorFile(path);
  if (!read.ok) onError(name, read.error);
  return createGovernorMemory({
    clock,
    file: read.ok ? read.value : null,
    write: (file) => writeGovernorFile(path, file),
    onError: (failure) => onError(name, failure),
  });
}

export function createGovernorMemory({ clock, file, write, onError }: MemoryPort): GovernorMemory {
  /** What the file says of venues that this process does not ask: kept as it is. */
  const others = new Map(Object.entries(file?.venues ?? {}));
  const otherBans = new Set(file?.bans);
  const parts = new Map<string, { now(): Remembered; ahead(): Readonly<Record<string, number>> }>();
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;

  const build = (): GovernorFile => {
    const nowUs = clock.wallUs();
    const nows = [...parts].map(([venue, part]) => ({ venue, ahead: part.ahead(), ...part.now() }));
    const bans = nows.flatMap(({ venue, bans: own }) =>
      own.map(({ untilUs, reason, ...more }) => ({
        venue,
        until: seconds(untilUs),
        ...more,
        reason: reason.slice(0, 300),
      })),
    );
    const venues = nows.map(({ venue, lowered, lastUs, used, ahead }) => [
      venue,
      {
        lowered: lowered && { factor: lowered.factor, until: seconds(lowered.untilUs) },
        last: lastUs === null ? null : seconds(lastUs),
        used: mapValues(used, (list) =>
          list.map(([us, weight]) => [seconds(us), weight] as [number, number]),
        ),
        ahead,
      },
    ]);
    return {
      ts: seconds(nowUs),
      bans: [...[...otherBans].filter((ban) => ban.until > seconds(nowUs)), ...bans],
      venues: { ...Object.fromEntries(others), ...Object.fromEntries(venues) },
    };
  };

  const save = (): Promise<void> => {
    // All who ask while one is written share the next, which begins after them all.
    next ??= writing.then(() => {
      next = null;
      writing = write(build()).then((result) => {
        if (!result.ok) onError(result.error);
      });
      return writing;
    });
    return next;
  };

  return {
    open(venue, now) {
      const left = parts.get(venue)?.now() ?? remembered(venue, file, clock.wallUs());
      others.delete(venue);
      for (const ban of otherBans) if (ban.venue === venue) otherBans.delete(ban);
      /** By window: what the file allows for and is not yet used, and what a coming file will add. */
      const ahead = new Map<string, number>();
      const coming = new Map<string, number>();
      const inFile = (): Record<string, number> => {
        const sums: Record<string, number> = Object.fromEntries(ahead);
        for (const [window, amount] of coming) sums[window] = (sums[window] ?? 0) + amount;
        return sums;
      };
      parts.set(venue, { now, ahead: inFile });

      const fill = async (window: string, portion: number, ready: () => void): Promise<void> => {
        if (coming.has(window)) return;
        coming.set(window, portion);
        await save();
        // When it could not be written it was told: that must not stop the venue.
        if (coming.delete(window)) ahead.set(window, (ahead.get(window) ?? 0) + portion);
        ready();
      };

      return {
        left,
        save,
        take(window, weight, portion, ready) {
          const room = ahead.get(window) ?? 0;
          const fits = weight <= room;
          if (fits) ahead.set(window, room - weight);
          if (!fits || room - weight < portion / 2) void fill(window, Math.max(portion, weight), ready);
          return fits;
        },
        giveBack(window, weight) {
          ahead.set(window, (ahead.get(window) ?? 0) + weight);
        },
        close() {
          ahead.clear();
          coming.clear();
          void save();
        },
      };
    },
    async settled() {
      await (next ?? writing);
      await writing;
    },
  };
}

function remembered(venue: string, file: GovernorFile | null, nowUs: number): Remembered | null {
  const part = file?.venues[venue];
  const bans = file?.bans.filter((one) => one.venue === venue) ?? [];
  if (part === undefined && bans.length === 0) return null;
  const us = (sec: number): number => Math.round(sec * 1_000_000);
  const used = mapValues(part?.used ?? {}, (list) =>
    // A time ahead of us: the wall clock was set back.
    list.map(([sec, weight]) => [Math.min(us(sec), nowUs), weight] as const),
  );
  const ahead = Object.entries(part?.ahead ?? {}).filter(([, weight]) => weight > 0);
  for (const [window, weight] of ahead) used[window] = [...(used[window] ?? []), [nowUs, weight]];
  const last = part?.last ?? null;
  return {
    bans: bans.map(({ until, kind, scope, reason }) => ({ untilUs: us(until), kind, scope, reason })),
    lowered:
      part === undefined || part.lowered === null
        ? null
        : { factor: part.lowered.factor, untilUs: us(part.lowered.until) },
    lastUs: ahead.length > 0 ? nowUs : last === null ? null : Math.min(us(last), nowUs),
    used,
  };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, of: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]));
}
