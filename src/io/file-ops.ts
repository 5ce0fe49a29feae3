/** The file operations that writing safely needs, as a port: tests put in disks that misbehave. */

import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { failureOf, ok, type Result } from '../core/result.ts';

/** As `node:fs` has them, with promises that reject with the system's error. */
export interface FileOps {
  readonly platform: NodeJS.Platform;
  open(path: string, flags: string): Promise<number>;
  /** Resolves with the bytes written, which can be fewer than asked for. */
  write(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** Resolves with the bytes read; 0 at the end of the file. */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  sync(fd: number): Promise<void>;
  size(fd: number): Promise<number>;
  /** Names that the open file has; 0: it was removed. */
  links(fd: number): Promise<number>;
  truncate(fd: number, size: number): Promise<void>;
  setRights(fd: number, rights: FileRights): Promise<void>;
  close(fd: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  /** Removes an empty folder. */
  rmdir(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
}

/** Who may do what with a file, as of its `Stats`. */
export interface FileRights {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What was mended or went wrong with a file, for the event ledger. */
export interface FileReport {
  readonly type: 'repair' | 'error';
  /** The file as its owner names it. */
  readonly scope: string;
  /** `torn_tail`, `columns`, `recovered`, or an error's code. */
  readonly reason: string;
  readonly message: string;
}

type Callback<T> = (error: Error | null, value?: T) => void;

// The callback API: about a third of the cost of FileHandle promises for one small write.
function promised<T>(start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

export const nodeFileOps: FileOps = {
  platform: process.platform,
  open: (path, flags) => promised((done) => fs.open(path, flags, done)),
  write: (fd, bytes, offset, length, position) =>
    promised((done) => fs.write(fd, bytes, offset, length, position, done)),
  read: (fd, into, position) => promised((done) => fs.read(fd, into, 0, into.length, position, done)),
  sync: (fd) => promised((done) => fs.fsync(fd, done)),
  size: async (fd) => (await promised<fs.Stats>((done) => fs.fstat(fd, done))).size,
  links: async (fd) => (await promised<fs.Stats>((done) => fs.fstat(fd, done))).nlink,
  truncate: (fd, size) => promised((done) => fs.ftruncate(fd, size, done)),
  async setRights(fd, { mode, uid, gid }) {
    // The owner first: another's file loses some rights with it.
    await promised((done) => fs.fchown(fd, uid, gid, done));
    await promised((done) => fs.fchmod(fd, mode, done));
  },
  close: (fd) => promised((done) => fs.close(fd, done)),
  rename: (from, to) => promised((done) => fs.rename(from, to, done)),
  unlink: (path) => promised((done) => fs.unlink(path, done)),
  mkdir: (path) => promised((done) => fs.mkdir(path, done)),
  rmdir: (path) => promised((done) => fs.rmdir(path, done)),
  list: (path) => promised((done) => fs.readdir(path, done)),
};

export async function attempt<T>(job: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await job());
  } catch (thrown) {
    return { ok: false, error: failureOf(thrown) };
  }
}

export function hasCode(thrown: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(failureOf(thrown).code);
}

/** Null where there is no such file or folder. */
export async function ifThere<T>(job: Promise<T>): Promise<T | null> {
  try {
    return await job;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return null;
    throw thrown;
  }
}

/** Runs `job` with the descriptor and closes it in every case. */
export async function closing<T>(ops: FileOps, fd: number, job: (fd: number) => Promise<T>): Promise<T> {
  try {
    return await job(fd);
  } finally {
    await ops.close(fd);
  }
}

/** Writes until every byte is written: a disk that fills up first writes short, then fails. */
export async function writeAll(ops: FileOps, fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    const count = await ops.write(fd, bytes, offset, bytes.length - offset, position + offset);
    if (count <= 0) throw nothingWritten();
    offset += count;
  }
}

const READ_BLOCK = 65_536;

/** The bytes of a file, block by block, in memory that each block shares: it is valid until the next is asked for. */
export async function* blocksOf(ops: FileOps, fd: number): AsyncGenerator<Buffer, void, undefined> {
  const block = Buffer.allocUnsafe(READ_BLOCK);
  for (let position = 0; ; ) {
    const count = await ops.read(fd, block, position);
    if (count === 0) return;
    position += count;
    yield block.subarray(0, count);
  }
}

/** The size of a file in bytes; null where there is none. */
export async function sizeAt(ops: FileOps, path: string): Promise<number | null> {
  const fd = await ifThere(ops.open(path, 'r'));
  return fd === null ? null : closing(ops, fd, () => ops.size(fd));
}

/** Inside a job that rejects, an error that keeps its code. */
export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

export function nothingWritten(): Error {
  return coded('EIO', 'the disk took no byte and named no error');
}

/** Makes a rename or a new file in `path` durable. Windows has no such call and needs none. */
export async function syncFolder(ops: FileOps, path: string): Promise<void> {
  if (ops.platform === 'win32') return;
  await closing(ops, await ops.open(path, 'r'), (fd) => ops.sync(fd));
}

/** False when it was there already. */
async function makeOne(ops: FileOps, path: string): Promise<boolean> {
  try {
    await ops.mkdir(path);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'EEXIST')) return false;
    throw thrown;
  }
}

/** Makes a folder with its parents, durably. (Node's own recursive mkdir calls a read-only disk ENOENT.) */
export async function makeFolder(ops: FileOps, path: string): Promise<void> {
  const isNew = await makeOne(ops, path).catch(async (thrown: unknown) => {
    if (!hasCode(thrown, 'ENOENT') || dirname(path) === path) throw thrown;
    await makeFolder(ops, dirname(path));
    // Once: under /proc it is ENOENT with its parents there, for ever.
    return makeOne(ops, path);
  });
  if (isNew) await syncFolder(ops, dirname(path));
}

/** The path of a file under `root`, named with forward slashes. Throws on any name that could leave `root`. */
export function pathUnder(root: string, file: string): string {
  const parts = file.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..');
  if (bad || /[\\\0]|^[A-Za-z]:/.test(file)) {
    throw new RangeError(`not a file name under the data folder: ${JSON.stringify(file)}`);
  }
  return join(root, ...parts);
}
