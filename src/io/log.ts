/** The structured log: pino, JSON lines, one file a start. */

import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';
import { attempt, makeFolder, nodeFileOps } from './file-ops.ts';
import { utcStamp } from './file-tail.ts';

export type LogLevel = 'debug' | 'info' | 'warn';

export interface Log {
  readonly logger: Logger;
  readonly file: string;
  /** Lines that are not in the file. */
  errors(): { readonly count: number; readonly last: Failure | null };
  /** Resolves when the lines are written, or soon after when the disk does not take them. */
  close(): Promise<void>;
}

/** What waits for a disk that does not take it; beyond this, lines are left out. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const CLOSE_MS = 1_000;

/**
 * Opens `logs/collector_<time>.log`. Fails where the folder cannot be made or written. A plain stream and not pino's
 * own: that one writes synchronously at the end, and on a full disk tries for ever.
 */
export async function openLog(folder: string, nowUs: number, level: LogLevel): Promise<Result<Log>> {
  const made = await attempt(() => makeFolder(nodeFileOps, folder));
  if (!made.ok) return made;
  const file = join(folder, `collector_${utcStamp(nowUs)}.log`);
  const stream = createWriteStream(file, { flags: 'a' });
  const opened = await new Promise<Result<void>>((resolve) => {
    stream.once('ready', () => resolve(ok(undefined)));
    stream.once('error', (thrown) => resolve(err(failureOf(thrown))));
  });
  if (!opened.ok) return opened;

  let count = 0;
  let last: Failure | null = null;
  const lose = (why: Failure): void => {
    count += 1;
    last = why;
  };
  stream.on('error', (thrown) => lose(failureOf(thrown)));
  const write = (line: string): void => {
    if (stream.destroyed) lose(last ?? failure('closed', 'the log is closed'));
    else if (stream.writableLength > MAX_WAITING_BYTES)
      lose(failure('dropped', 'the disk does not take the log'));
    else stream.write(line);
  };
  const logger = pino(
    {
      level,
      base: { app: 'collector' },
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: ['*.token', '*.secret', '*.authorization', '*.headers'], remove: true },
    },
    { write },
  );
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const late = setTimeout(() => stream.destroy(), CLOSE_MS);
      stream.once('close', () => {
        clearTimeout(late);
        resolve();
      });
      if (stream.destroyed) resolve();
      else stream.end();
    });
  return ok({ logger, file, errors: () => ({ count, last }), close });
}
