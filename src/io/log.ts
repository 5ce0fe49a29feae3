/** The structured log: pino, JSON lines, one file a start. */

import { join } from 'node:path';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { ok, type Result } from '../core/result.ts';
import { attempt, makeFolder, nodeFileOps } from './file-ops.ts';
import { utcStamp } from './file-tail.ts';

export type LogLevel = 'debug' | 'info' | 'warn';

export interface Log {
  readonly logger: Logger;
  readonly file: string;
  flush(): void;
}

/** Opens `logs/collector_<time>.log`. Fails where the folder cannot be made or written. */
export async function openLog(folder: string, nowUs: number, level: LogLevel): Promise<Result<Log>> {
  const made = await attempt(() => makeFolder(nodeFileOps, folder));
  if (!made.ok) return made;
  const file = join(folder, `collector_${utcStamp(nowUs)}.log`);
  const stream: DestinationStream & { flushSync(): void } = destination({
    dest: file,
    sync: false,
    minLength: 0,
  });
  const logger = pino(
    {
      level,
      base: { app: 'collector' },
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: ['*.token', '*.secret', '*.authorization', '*.headers'], remove: true },
    },
    stream,
  );
  return ok({ logger, file, flush: () => stream.flushSync() });
}
