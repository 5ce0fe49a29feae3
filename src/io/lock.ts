/**
 * One collector per data directory. The lock is held by the kernel (an abstract socket on Linux, a named pipe on
 * Windows, a socket file elsewhere), so it is free the moment its holder dies, however it dies. The JSON beside it is
 * for people.
 */

import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';

export interface Lock {
  release(): Promise<void>;
}

/**
 * Fails with the code `locked` when another process holds the lock of `directory` (which must exist). `onError`: the lock
 * is held, and somebody who asked whether it is could not be answered (no descriptors); told once of each code.
 */
export async function acquireLock(
  directory: string,
  platform: NodeJS.Platform,
  onError: (failure: Failure) => void,
): Promise<Result<Lock>> {
  const address = lockAddress(realpathSync(directory), platform);
  const first = await listen(address, onError);
  if (first.ok) return ok(lockOf(first.value));
  if (first.error.code !== 'EADDRINUSE') return first;
  const isFile = !address.startsWith('\0') && platform !== 'win32';
  if (isFile && !(await isAnswered(address))) {
    // The socket file of a process that was killed: nobody listens behind it.
    rmSync(address, { force: true });
    const second = await listen(address, onError);
    if (second.ok) return ok(lockOf(second.value));
  }
  return err(failure('locked', `another collector writes to ${directory}`, 'never'));
}

function lockAddress(directory: string, platform: NodeJS.Platform): string {
  const name = `tapedeck-${createHash('sha256').update(directory).digest('hex').slice(0, 32)}`;
  if (platform === 'linux') return `\0${name}`;
  if (platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

function listen(address: string, onError: (failure: Failure) => void): Promise<Result<Server>> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    const told = new Set<string>();
    server.on('error', (thrown) => {
      const error = failureOf(thrown);
      if (!server.listening) return resolve(err(error));
      if (told.has(error.code)) return;
      told.add(error.code);
      onError(error);
    });
    server.listen(address, () => {
      server.unref();
      resolve(ok(server));
    });
  });
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

function lockOf(server: Server): Lock {
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}
