/**
 * A closed file is compressed, and the archive proved: the work of the compressor's thread, one file at a time. One
 * step follows the other, so that a job holds one of Node's four threads for files, which the writer needs too, and
 * nothing of it is under way any more when it has failed.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { createGunzip, createGzip, type Gunzip, type Gzip } from 'node:zlib';
import { err, failure, ok, type Result } from '../core/result.ts';
import { createCsvScan, type ScannedRows } from './csv-scan.ts';
import {
  attempt,
  blocksOf,
  closing,
  coded,
  type FileOps,
  ifThere,
  nodeFileOps,
  syncFolder,
  writeAll,
} from './file-ops.ts';

export interface GzipJob {
  /** The plain file: whole rows, and nobody writes to it. Absolute, as `to`. */
  readonly from: string;
  /** The archive; replaced when it is there. */
  readonly to: string;
  /** What the manifest says of this archive already: an earlier process was killed behind that step. */
  readonly known: { readonly sha256: string; readonly csv_sha256: string } | null;
}

export interface Gzipped extends ScannedRows {
  readonly bytes: number;
  readonly sha256: string;
  readonly csvBytes: number;
  readonly csvSha256: string;
}

/**
 * Writes `from` as one gzip member to a hidden file, reads that back, compares, and renames it to `to`, durably. A
 * plain value, or null when both files are as `known` says and nothing was done. `not_proved`: what was read back is
 * not what was written; other failures have the system's code. On a failure `from` is untouched and no temp is left.
 */
export async function gzipFile(job: GzipJob, ops: FileOps = nodeFileOps): Promise<Result<Gzipped | null>> {
  const checked = await attempt(() => stands(job, ops));
  if (!checked.ok) return checked;
  if (checked.value) return ok(null);

  // One name for all tries: a thread that died has left its temp, which the next try overwrites.
  const temp = join(dirname(job.to), `.${basename(job.to)}.${process.pid}.tmp`);
  const made = await attempt(async () => {
    const written = await compress(ops, job.from, temp);
    await prove(ops, temp, written);
    await ops.rename(temp, job.to);
    await syncFolder(ops, dirname(job.to));
    return written;
  });
  if (made.ok) return made;
  const removed = await attempt(() => ifThere(ops.unlink(temp)));
  if (removed.ok) return made;
  return err(failure(made.error.code, `${made.error.message}; left behind: ${removed.error.message}`));
}

async function stands({ from, to, known }: GzipJob, ops: FileOps): Promise<boolean> {
  if (known === null) return false;
  return (await sha256Of(ops, to)) === known.sha256 && (await sha256Of(ops, from)) === known.csv_sha256;
}

/** Null when there is no such file. */
async function sha256Of(ops: FileOps, path: string): Promise<string | null> {
  const found = await ifThere(ops.open(path, 'r'));
  if (found === null) return null;
  return closing(ops, found, async (fd) => {
    const hash = createHash('sha256');
    for await (const block of blocksOf(ops, fd)) hash.update(block);
    return hash.digest('hex');
  });
}

async function compress(ops: FileOps, from: string, to: string): Promise<Gzipped> {
  return closing(ops, await ops.open(from, 'r'), async (source) =>
    closing(ops, await ops.open(to, 'w'), async (target) => {
      const scan = createCsvScan();
      const csv = tally();
      const gz = tally();
      const chunks: Buffer[] = [];
      async function* plain() {
        for await (const block of blocksOf(ops, source)) {
          csv.add(block);
          scan.add(block);
          yield block;
        }
      }
      await through(
        createGzip(),
        plain(),
        (chunk) => void chunks.push(chunk),
        async () => {
          const packed = Buffer.concat(chunks.splice(0));
          await writeAll(ops, target, packed, gz.bytes());
          gz.add(packed);
        },
      );
      await ops.sync(target);
      const size = await ops.size(target);
      if (size !== gz.bytes()) {
        throw coded('wrong_size', `wrote ${gz.bytes()} bytes, the file has ${size}`);
      }
      return {
        ...scan.result(),
        bytes: gz.bytes(),
        sha256: gz.sha256(),
        csvBytes: csv.bytes(),
        csvSha256: csv.sha256(),
      };
    }),
  );
}

/** Reads the archive from its file and compares it, compressed and not, with what was written. */
async function prove(ops: FileOps, path: string, written: Gzipped): Promise<void> {
  const gz = tally();
  const csv = tally();
  const unpacked = await closing(ops, await ops.open(path, 'r'), (fd) => {
    async function* packed() {
      for await (const block of blocksOf(ops, fd)) {
        gz.add(block);
        yield block;
      }
    }
    return attempt(() => through(createGunzip(), packed(), csv.add));
  });
  // A disk that cannot be read says nothing of the archive.
  if (!unpacked.ok && !unpacked.error.code.startsWith('Z_')) {
    throw coded(unpacked.error.code, unpacked.error.message);
  }
  const isSame = gz.sha256() === written.sha256 && csv.sha256() === written.csvSha256;
  if (unpacked.ok && isSame && gz.bytes() === written.bytes && csv.bytes() === written.csvBytes) return;
  const why = unpacked.ok ? `${csv.bytes()} bytes of ${written.csvBytes}` : unpacked.error.message;
  throw coded('not_proved', `the archive reads back otherwise than it was written: ${why}`);
}

interface Tally {
  add(bytes: Uint8Array): void;
  bytes(): number;
  /** Ends the tally. */
  sha256(): string;
}

function tally(): Tally {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    add(more) {
      hash.update(more);
      bytes += more.length;
    },
    bytes: () => bytes,
    sha256: () => hash.digest('hex'),
  };
}

/** Puts blocks through, each wholly before the next is asked for; `afterEach` once more at the end. */
async function through(
  stream: Gzip | Gunzip,
  blocks: AsyncIterable<Buffer>,
  onChunk: (chunk: Buffer) => void,
  afterEach: () => Promise<void> = async () => undefined,
): Promise<void> {
  stream.on('data', onChunk);
  // A failed stream calls back no write, so each write is held against this too.
  const ended = once(stream, 'end');
  try {
    for await (const block of blocks) {
      const taken = new Promise<void>((resolve, reject) => {
        stream.write(block, (error) => (error ? reject(error) : resolve()));
      });
      await Promise.race([taken, ended]);
      await afterEach();
    }
    stream.end();
    await ended;
    await afterEach();
  } finally {
    stream.destroy();
  }
}
