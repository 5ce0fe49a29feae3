/** The structured log: pino, JSON lines, one file a start. */

import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import type { Clock } from '../core/ports.ts';
import { type Failure, ok, type Result } from '../core/result.ts';
import { attempt, type FileOps, makeFolder, nodeFileOps } from './file-ops.ts';
import { createUnique, utcStamp } from './file-tail.ts';
import { createLineFile } from './line-file.ts';

export type LogLevel = 'debug' | 'info' | 'warn';

export interface Log {
  readonly logger: Logger;
  readonly file: string;
  /** Lines below this level are left out from now on, of the logger and of all its children. */
  setLevel(level: LogLevel): void;
  /** Lines that are not in the file. */
  errors(): { readonly count: number; readonly last: Failure | null };
  /** Resolves when the lines are written, or soon after when the disk does not take them. */
  close(): Promise<void>;
}

const APP = 'collector';
/** Never of use to a reader, whatever they hold. */
const HIDDEN = ['token', 'secret', 'password', 'proxy', 'authorization', 'headers'];

/**
 * Opens `logs/collector_<time>.log`, never one that is there. Fails where the folder cannot be made or written; what
 * fails later costs lines (`LineFile`), which a line of the log then tells. Not pino's own stream: that one writes
 * synchronously at the end, and on a full disk tries for ever.
 */
export async function openLog(
  folder: string,
  clock: Clock,
  level: LogLevel,
  ops: FileOps = nodeFileOps,
): Promise<Result<Log>> {
  const made = await attempt(async () => {
    await makeFolder(ops, folder);
    const { fd, path } = await createUnique(ops, join(folder, `${APP}_${utcStamp(clock.wallUs())}`), '.log');
    await ops.close(fd);
    return path;
  });
  if (!made.ok) return made;
  const time = (): string => new Date(clock.wallUs() / 1000).toISOString();
  const lines = createLineFile({
    path: made.value,
    clock,
    ops,
    lostLine: (lost, { code, message }) =>
      `${JSON.stringify({ level: pino.levels.values.warn, time: time(), app: APP, lost, code, message, msg: 'lines lost' })}\n`,
  });
  // A child keeps the level of its birth.
  const loggers: { level: string }[] = [];
  const logger = pino(
    {
      level,
      onChild: (child) => void loggers.push(child),
      base: { app: APP },
      timestamp: () => `,"time":"${time()}"`,
      redact: { paths: HIDDEN.flatMap((key) => [key, `*.${key}`]), remove: true },
    },
    { write: lines.write },
  );
  loggers.push(logger);
  const setLevel = (next: LogLevel): void => {
    for (const one of loggers) one.level = next;
  };
  return ok({ logger, file: made.value, setLevel, errors: lines.errors, close: lines.close });
}
