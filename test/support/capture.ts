/** A capture on a real folder, with a clock that the test moves. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Capture } from '../../src/core/capture.ts';
import { type CaptureOptions, createCapture } from '../../src/io/capture.ts';
import { gunzipMembers } from '../../src/io/gunzip.ts';
import { findRecordings, playRecordings } from '../../src/io/recordings.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { removeFolder, tempFolder } from './files.ts';
import { turn } from './writer.ts';

export const SUBJECT = {
  version: '1.2.3',
  venue: 'okx',
  feed: 'trades',
  options: { depth: 200, stream: null },
  instruments: [{ symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' }],
} as const;

export interface CaptureBench {
  readonly root: string;
  readonly clock: ManualClock;
  readonly facts: (readonly [type: string, more: Readonly<Record<string, string>>])[];
  create(options?: Partial<CaptureOptions>): Capture;
  /** A frame received now. */
  recv(capture: Capture, text: string): void;
  /** Moves the clock on by a flush, and waits until the disk has done `isDone`. */
  flush(isDone: () => boolean): Promise<void>;
  /** The parts by name below the feed's folder, each as its members' texts. */
  parts(): Promise<Readonly<Record<string, readonly string[]>>>;
  /** What a replay makes of them: the texts of the frames, and the warnings. */
  played(): Promise<{ readonly texts: readonly string[]; readonly warnings: readonly string[] }>;
  remove(): Promise<void>;
}

export async function captureBench(): Promise<CaptureBench> {
  const root = await tempFolder();
  const clock = manualClock();
  const facts: CaptureBench['facts'] = [];
  const folder = join(root, 'capture/okx/trades');
  return {
    root,
    clock,
    facts,
    create: (options = {}) =>
      createCapture({
        dataDir: root,
        subject: SUBJECT,
        clock,
        report: (type, more) => facts.push([type, more]),
        ...options,
      }),
    recv: (capture, text) => capture.recv('public', text, clock.wallUs()),
    async flush(isDone) {
      clock.advance(1_000);
      while (!isDone()) await turn();
    },
    async parts() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
      const files = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      const read = files.sort().map(async (path) => {
        async function* source() {
          yield await readFile(path);
        }
        const members: string[] = [];
        for await (const member of gunzipMembers(source(), () => members.push('(torn)')))
          members.push(member.toString());
        return [path.slice(folder.length + 1), members] as const;
      });
      return Object.fromEntries(await Promise.all(read));
    },
    async played() {
      const warnings: string[] = [];
      const texts: string[] = [];
      const found = await findRecordings([root]);
      if (!found.ok) throw new Error(found.error.message);
      for await (const some of playRecordings(found.value, (message) => warnings.push(message))) {
        if (!some.ok) throw new Error(some.error.message);
        for (const { line } of some.value) if (line.kind === 'recv') texts.push(line.text);
      }
      return { texts, warnings };
    },
    remove: () => removeFolder(root),
  };
}
