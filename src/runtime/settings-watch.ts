/**
 * The settings file while the collector runs: read again and again, taken over when it has changed. Read each time, and
 * not watched: file systems differ in what they tell. A text counts when it was the same at two looks, since editors
 * write in steps, and half a file can be a valid one.
 */

import type { Settings } from '../../config/schema.ts';
import type { Clock } from '../core/ports.ts';
import { failureOf, type Result } from '../core/result.ts';

const LOOK_MS = 1_000;

export interface SettingsWatchPort {
  readonly clock: Clock;
  /** The text that the settings of the start are of. */
  readonly text: string;
  /** The file's text now. */
  read(): Promise<Result<string>>;
  /** The settings of the file as the start would have them, or what is wrong, each in a line. */
  load(): Promise<Result<Settings, readonly string[]>>;
  onSettings(settings: Settings): Promise<void>;
  /** Once for each text that is wrong. */
  onProblem(problems: readonly string[]): void;
}

export interface SettingsWatch {
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

export function watchSettings(port: SettingsWatchPort): SettingsWatch {
  /** What was taken over or refused. */
  let known = `=${port.text}`;
  /** What was there at the look before. */
  let newest: string | null = null;
  let looking: Promise<void> | null = null;
  let stopped = false;

  const look = async (): Promise<void> => {
    const read = await port.read();
    // A file that cannot be read is a text of its own, which is wrong.
    const text = read.ok ? `=${read.value}` : `!${read.error.code}`;
    const isSettled = text === newest;
    newest = text;
    if (!isSettled || text === known || stopped) return;
    known = text;
    if (!read.ok) return port.onProblem([read.error.message]);
    const loaded = await port.load();
    if (stopped) return;
    if (loaded.ok) await port.onSettings(loaded.value);
    else port.onProblem(loaded.error);
  };

  const turn = (): void => {
    looking ??= look()
      .catch((thrown: unknown) => port.onProblem([failureOf(thrown).message]))
      .finally(() => {
        looking = null;
      });
  };

  turn();
  const cancel = port.clock.every(LOOK_MS, turn);
  return {
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}
