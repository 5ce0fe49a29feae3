/** Small real disks, for as long as a test needs them. */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../../src/io/file-ops.ts';

const BALLAST = 'ballast';

/** A mounted file system. */
export interface Disk {
  readonly path: string;
  freeBytes(): number;
  /** Puts ballast on it until so much is left; whoever else writes there makes it less. */
  fill(leftBytes: number): void;
  /** Takes the ballast away. */
  free(): void;
  /** `ro` waits until nobody has a file open for writing. */
  remount(how: 'ro' | 'rw'): Promise<void>;
  unmount(): void;
}

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });
}

export function mountTmpfs(path: string, kib: number): Disk {
  run('mount', '-t', 'tmpfs', '-o', `size=${kib}k`, 'tapedeck-test', path);
  return diskAt(path);
}

/** An image with an empty ext4 of this size. */
export function makeImage(image: string, mib: number): void {
  closeSync(openSync(image, 'w'));
  run('truncate', '-s', `${mib}M`, image);
  run('mkfs.ext4', '-q', '-F', '-b', '4096', '-m', '0', image);
}

/** `options` in mount's words, beside `loop`. */
export function mountImage(image: string, path: string, options = ''): Disk {
  run('mount', '-t', 'ext4', '-o', ['loop', options].filter(Boolean).join(), image, path);
  return diskAt(path);
}

function diskAt(path: string): Disk {
  let mounted = true;
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  return {
    path,
    freeBytes,
    fill(leftBytes) {
      try {
        writeFileSync(join(path, BALLAST), Buffer.alloc(Math.max(0, freeBytes() - leftBytes)));
      } catch (thrown) {
        // Somebody else was quicker: it is full.
        if (!hasCode(thrown, 'ENOSPC')) throw thrown;
      }
    },
    free: () => unlinkSync(join(path, BALLAST)),
    async remount(how) {
      const end = performance.now() + 10_000;
      for (;;) {
        try {
          run('mount', '-o', `remount,${how}`, path);
          return;
        } catch (thrown) {
          if (performance.now() > end) throw thrown;
          await sleep(20);
        }
      }
    },
    unmount() {
      if (!mounted) return;
      mounted = false;
      // Also where somebody still has a file open: a test that failed must not leave it behind.
      run('umount', '-l', path);
    },
  };
}

/** Null when this process may mount what `tried` mounts; otherwise why not. */
function whyNot(tried: (folder: string) => Disk): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'tapedeck-mount-'));
  const place = mkdtempSync(join(folder, 'place-'));
  try {
    tried(place).unmount();
    return null;
  } catch (thrown) {
    const lines = String(thrown).split('\n');
    return lines[1] || lines[0] || 'unknown';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const whyNoTmpfs = (): string | null => whyNot((place) => mountTmpfs(place, 64));

export const whyNoLoop = (): string | null =>
  whyNot((place) => {
    const image = `${place}.img`;
    makeImage(image, 8);
    return mountImage(image, place);
  });
