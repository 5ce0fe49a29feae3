/** What an earlier run left in `raw/`: torn tails are cut, and files of another day are closed for good. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import { utcDay } from '../core/time.ts';
import { openCsv } from './csv-open.ts';
import { attempt, type FileOps, type FileReport } from './file-ops.ts';

export interface RawRecoveryPort {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly ops: FileOps;
  readonly report: (report: FileReport) => void;
  /** The header that a live file of this name has; null for what is none. */
  headerOf(name: string): string | null;
  /** Takes a whole file of another day away. */
  seal(file: string, day: string): Promise<void>;
}

/** Before the first row of a run is written. What fails is reported, and met again when its file is written. */
export async function recoverRaw(port: RawRecoveryPort): Promise<void> {
  const { ops, report } = port;
  const listed = await attempt(() => ops.list(join(port.dataDir, 'raw')));
  const names = listed.ok ? listed.value : [];
  if (!listed.ok)
    report({ type: 'error', scope: 'raw', reason: listed.error.code, message: listed.error.message });
  for (const name of [...names].sort()) {
    const header = port.headerOf(name);
    if (header === null) continue;
    const file = `raw/${name}`;
    const done = await attempt(() => recoverOne(file, header, port));
    if (!done.ok)
      report({ type: 'error', scope: file, reason: done.error.code, message: done.error.message });
  }
}

async function recoverOne(file: string, header: string, port: RawRecoveryPort): Promise<void> {
  const { ops, clock, report } = port;
  const opened = await openCsv(ops, join(port.dataDir, file), header, clock.wallUs());
  for (const repair of opened.repairs) report({ type: 'repair', scope: file, ...repair });
  // What a killed process wrote and did not fsync is in the file, and not yet on the disk.
  const synced = await attempt(() => ops.sync(opened.fd));
  await ops.close(opened.fd);
  if (!synced.ok) throw Object.assign(new Error(synced.error.message), { code: synced.error.code });
  const { day } = opened;
  if (day !== null && day !== utcDay(clock.wallUs()).name) await port.seal(file, day);
}
