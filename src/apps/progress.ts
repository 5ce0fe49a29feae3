/** A bar on a terminal: how much of the work is done. */

const WIDTH = 24;
const EVERY_MS = 100;

export interface Progress {
  show(done: number, total: number, what: string): void;
  /** Takes the bar away. */
  clear(): void;
}

/** `write` puts a text in the place of the current line; undefined where there is no terminal, and nothing is shown. */
export function createProgress(write: ((text: string) => void) | undefined, nowMs: () => number): Progress {
  let lastMs = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(done, total, what) {
      if (write === undefined || nowMs() - lastMs < EVERY_MS) return;
      lastMs = nowMs();
      isShown = true;
      write(barText(done, total, what));
    },
    clear() {
      if (isShown) write?.('');
      isShown = false;
    },
  };
}

function barText(done: number, total: number, what: string): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.floor(share * WIDTH);
  const bar = '#'.repeat(full).padEnd(WIDTH, '.');
  const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(2);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${gigabytes(done)} of ${gigabytes(total)} GB  ${what.slice(-48)}`;
}
