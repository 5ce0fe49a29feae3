/** The structured log: pino, JSON lines, one file a start. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { utcStamp } from './file-tail.ts';

export type LogLevel = 'debug' | 'info' | 'warn';

export interface Log {
  readonly logger: Logger;
  readonly file: string;
  flush(): void;
}

/** Opens `logs/collector_<time>.log`. Throws when the folder cannot be written; the caller has made sure that it can. */
export function openLog(folder: string, nowUs: number, level: LogLevel): Log {
  mkdirSync(folder, { recursive: true });
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
  return { logger, file, flush: () => stream.flushSync() };
}
