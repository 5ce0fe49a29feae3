/**
 * The pool that compresses closed files: one thread, there only while there is work. A thread that dies fails its job,
 * which the archive tries again; the next job has a new one.
 */

import { Piscina } from 'piscina';
import { err, failure, failureOf, type Result } from '../core/result.ts';
import type { Compress } from '../io/archive-seal.ts';
import type { Gzipped } from '../io/gzip-file.ts';

export interface Compressor {
  readonly run: Compress;
  /** Ends the thread; a job that it still has fails. An idle thread need not be ended: it holds up no exit. */
  close(): Promise<void>;
}

const IDLE_MS = 10_000;
/** What is compressed goes by the heap, a block at a time. */
const MEMORY = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

/** `url`: `workers/compress`, with the ending of the file that starts it. */
export function createCompressor(url: URL): Compressor {
  let pool: Piscina | null = null;

  const open = (): Piscina => {
    const made = new Piscina({
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      resourceLimits: MEMORY,
      // A thread that waits for work by Atomics saves some µs a job, and there are few jobs.
      atomics: 'disabled',
      recordTiming: false,
    });
    // The job that the thread had hears of it below; with no listener at all it would end the program.
    made.on('error', () => forget(made));
    return made;
  };

  const forget = (old: Piscina): void => {
    if (pool === old) pool = null;
  };

  /** Resolves once its thread has ended. */
  const destroy = async (old: Piscina): Promise<void> => {
    forget(old);
    await old.destroy();
  };

  return {
    async run(job, signal) {
      if (signal.aborted) return err(failure('aborted', 'the program stops'));
      pool ??= open();
      const current = pool;
      let work: Promise<Result<Gzipped | null>>;
      try {
        // The file is named here and not to the pool: one that cannot be loaded then fails the job, not the thread.
        work = current.run(job, { filename: url.href });
      } catch (thrown) {
        // The system refuses a thread. The pool has queued the job, and is left behind with it.
        forget(current);
        return err(failureOf(thrown));
      }

      let ended: Promise<void> | null = null;
      const abort = (): void => {
        ended = destroy(current);
      };
      signal.addEventListener('abort', abort, { once: true });
      // A thread that dies before it has taken the job leaves the job waiting.
      let onError: (thrown: unknown) => void = () => undefined;
      const died = new Promise<never>((_, reject) => {
        onError = reject;
      });
      current.on('error', onError);
      try {
        return await Promise.race([work, died]);
      } catch (thrown) {
        await (ended ?? destroy(current));
        return err(failureOf(thrown));
      } finally {
        current.off('error', onError);
        signal.removeEventListener('abort', abort);
      }
    },
    async close() {
      if (pool !== null) await destroy(pool);
    },
  };
}
