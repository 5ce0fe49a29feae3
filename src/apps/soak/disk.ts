/** The real disk, waited for: on time that we move, a write must not take virtual seconds. */

import { setImmediate as turn } from 'node:timers/promises';
import type { FileOps } from '../../io/file-ops.ts';

export interface WaitedDisk {
  readonly ops: FileOps;
  /** Waits for this too. */
  wait<T>(job: Promise<T>): Promise<T>;
  /** Resolves when all that was begun, and all that followed from it, has ended. */
  settled(): Promise<void>;
}

export function waitedDisk(ops: FileOps): WaitedDisk {
  let underWay = 0;

  const wait = <T>(job: Promise<T>): Promise<T> => {
    underWay += 1;
    return job.finally(() => {
      underWay -= 1;
    });
  };

  return {
    wait,
    ops: {
      platform: ops.platform,
      open: (path, flags) => wait(ops.open(path, flags)),
      write: (fd, bytes, offset, length, position) => wait(ops.write(fd, bytes, offset, length, position)),
      read: (fd, into, position) => wait(ops.read(fd, into, position)),
      sync: (fd) => wait(ops.sync(fd)),
      size: (fd) => wait(ops.size(fd)),
      links: (fd) => wait(ops.links(fd)),
      truncate: (fd, size) => wait(ops.truncate(fd, size)),
      setRights: (fd, rights) => wait(ops.setRights(fd, rights)),
      close: (fd) => wait(ops.close(fd)),
      rename: (from, to) => wait(ops.rename(from, to)),
      unlink: (path) => wait(ops.unlink(path)),
      mkdir: (path) => wait(ops.mkdir(path)),
      rmdir: (path) => wait(ops.rmdir(path)),
      list: (path) => wait(ops.list(path)),
    },
    async settled() {
      do await turn();
      while (underWay > 0);
    },
  };
}
