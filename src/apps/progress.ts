/** A bar on a terminal: how much of the work is done. */

const WIDTH = 24;
const EVERY_MS = 100;

export interface Progress {
  show(done: number, total: number, what: string): void;
  /** Takes the bar away. */
  clear(): void;
}

/**
 * `write` puts a text in the place of the current line; undefined where there is no terminal, and nothing is shown.
 * `amount`: how much there is in words; bytes as gigabytes unless told.
 */
export function createProgress(
  write: ((text: string) => void) | undefined,
  nowMs: () => number,
  amount: (count: number) => string = gigabytes,
): Progress {
  let lastMs = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(done, total, what) {
      if (write === undefined || nowMs() - lastMs < EVERY_MS) return;
      lastMs = nowMs();
      isShown = true;
      write(barText(done, total, what, amount));
    },
    clear() {
      if (isShown) write?.('');
      isShown = false;
    },
  };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

function barText(done: number, total: number, what: string, amount: (count: number) => string): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.floor(share * WIDTH);
  const bar = '#'.repeat(full).padEnd(WIDTH, '.');
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${amount(done)} of ${amount(total)}  ${what.slice(-48)}`;
}
