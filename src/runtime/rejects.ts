/** Samples of refused frames under `debug/rejects/`: the newest few of each feed, so that the disk cannot fill. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';

const SAMPLES = 20;
const EVERY_MS = 1_000;

export interface Rejects {
  /** `scope` is one of ours (`binance.trades`), never the venue's text: it becomes a file name. */
  add(scope: string, reason: string, text: string, localUs: number): void;
  total(): number;
  flush(): Promise<void>;
}

export interface RejectsPort {
  readonly dataDir: string;
  readonly clock: Clock;
  replace(path: string, text: string): Promise<Result<void>>;
  onError(message: string): void;
}

export function createRejects(port: RejectsPort): Rejects {
  const samples = new Map<string, string[]>();
  const changed = new Set<string>();
  let total = 0;
  let timer = false;
  let writing: Promise<void> = Promise.resolve();

  /** Resolves when the writes before it have ended too. */
  const flush = (): Promise<void> => {
    timer = false;
    writing = writing.then(write);
    return writing;
  };

  const write = async (): Promise<void> => {
    const scopes = [...changed];
    changed.clear();
    for (const scope of scopes) {
      const path = join(port.dataDir, 'debug', 'rejects', `${scope}.jsonl`);
      const result = await port.replace(path, `${(samples.get(scope) ?? []).join('\n')}\n`);
      if (!result.ok) port.onError(`${path}: ${result.error.message}`);
    }
  };

  return {
    add(scope, reason, text, localUs) {
      total += 1;
      const kept = samples.get(scope) ?? [];
      kept.push(JSON.stringify({ ts: seconds(localUs), reason, data: text }));
      if (kept.length > SAMPLES) kept.shift();
      samples.set(scope, kept);
      changed.add(scope);
      if (!timer) {
        timer = true;
        port.clock.after(EVERY_MS, () => void flush());
      }
    },
    total: () => total,
    flush,
  };
}
