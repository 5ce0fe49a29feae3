/** strace as a saboteur: it ends a process at its n-th system call, or lets calls fail. */

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

export interface Injection {
  readonly call: string;
  /** strace's `when`: the n-th call, or `first..last`. */
  readonly when: string;
  /** `signal=KILL` or `error=EIO`. The call itself is not made. */
  readonly what: string;
  /** Only calls on this file (of a rename: what is renamed); `{pid}` stands for the process's id. */
  readonly path?: string;
}

/**
 * A command to put before the one that is sabotaged; that one keeps its process id, signals and exit. File calls are
 * counted exactly with `ONE_FILE_THREAD` in its environment.
 */
export function strace({ call, when, what, path }: Injection): readonly string[] {
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${when}`];
  const command = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', ...inject];
  if (path === undefined) return command;
  const [before = '', after] = path.split('{pid}');
  if (after === undefined) return [...command, '-P', path];
  // The shell's id becomes strace's and then the process's own.
  const script = `path="$1$$$2"; shift 2; exec ${command.join(' ')} -P "$path" "$@"`;
  return ['sh', '-c', script, 'sh', before, after];
}

/** strace counts by thread: with one thread for files the n-th call is the n-th of the process. */
export const ONE_FILE_THREAD = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };

/** Null when this machine has a strace that can do it; otherwise why not. */
export function whyNoStrace(): string | null {
  const [command = '', ...words] = strace({ call: 'fsync', when: '2..3', what: 'error=EIO', path: tmpdir() });
  const tried = spawnSync(command, [...words, process.execPath, '-e', 'process.exit(7)'], {
    encoding: 'utf8',
  });
  if (tried.error !== undefined) return tried.error.message;
  return tried.status === 7 ? null : (tried.stderr.split('\n')[0] ?? `exit ${tried.status}`);
}
