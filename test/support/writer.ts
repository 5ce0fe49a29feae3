/** A writer on a real folder, its reports, and rows to put into it. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileOps, FileReport } from '../../src/io/file-ops.ts';
import { createSafeWriter, type SafeWriter, type SafeWriterOptions } from '../../src/io/safe-writer.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { opsWith, removeFolder, tempFolder } from './files.ts';

export const HEADER = 'exchange,n';
export const FILE = 'raw/trades-okx-BTC-USDT.csv';

export interface WriterBench {
  readonly root: string;
  readonly clock: ManualClock;
  readonly reports: FileReport[];
  create(options?: Partial<SafeWriterOptions>): SafeWriter;
  read(file?: string): Promise<string>;
  /** Moves the clock on by `ms` in steps of a flush, lets the disk work in between, and waits until `settled`. */
  pass(ms: number, settled?: () => boolean): Promise<void>;
  remove(): Promise<void>;
}

export async function writerBench(): Promise<WriterBench> {
  const root = await tempFolder();
  const clock = manualClock();
  const reports: FileReport[] = [];
  return {
    root,
    clock,
    reports,
    create: (options = {}) =>
      createSafeWriter({ root, clock, report: (report) => void reports.push(report), ...options }),
    read: (file = FILE) => readFile(join(root, file), 'utf8'),
    async pass(ms, settled = () => true) {
      for (let at = 0; at < ms; at += 50) {
        clock.advance(50);
        await turn();
      }
      while (!settled()) await turn();
    },
    remove: () => removeFolder(root),
  };
}

export function rows(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, at) => `okx,${from + at}\n`).join('');
}

export function put(
  writer: SafeWriter,
  from: number,
  to: number,
  file = FILE,
  done?: (written: boolean) => void,
): boolean {
  const bytes = Buffer.from(rows(from, to));
  return writer.append({ file, header: HEADER, bytes, rows: to - from, ...(done && { done }) });
}

/** The real disk, with its calls written down. */
export function watched(broken: Partial<FileOps> = {}) {
  const calls: string[] = [];
  const base = opsWith(broken);
  const ops: FileOps = {
    ...base,
    open(path, flags) {
      calls.push(`open ${flags}`);
      return base.open(path, flags);
    },
    write(fd, from, offset, length, position) {
      calls.push('write');
      return base.write(fd, from, offset, length, position);
    },
    sync(fd) {
      calls.push('sync');
      return base.sync(fd);
    },
  };
  return { ops, count: (name: string) => calls.filter((call) => call.startsWith(name)).length };
}

export const turn = () => new Promise(setImmediate);
