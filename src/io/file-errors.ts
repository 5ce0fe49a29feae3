/** Counts failures and reports each streak once: a full disk fails every file again and again. */

import type { Failure } from '../core/result.ts';
import type { FileReport } from './file-ops.ts';

export interface FileErrors {
  /** Counts a failure; reports it unless the file's last one had the same code. */
  note(scope: string, error: Failure): void;
  /** The file works again: its next failure is reported. */
  clear(scope: string): void;
  count(): number;
  /** Files whose last attempt failed. */
  failing(): number;
  /** Those files, each with its reason. */
  reasons(): ReadonlyMap<string, string>;
  last(): string | null;
}

export function createFileErrors(report: (report: FileReport) => void): FileErrors {
  /** The last failure, by file, of those that fail now. */
  const failing = new Map<string, Failure>();
  let count = 0;
  let last: string | null = null;

  return {
    note(scope, error) {
      count++;
      last = `${scope}: ${error.message}`;
      const before = failing.get(scope)?.code;
      failing.set(scope, error);
      if (before === error.code) return;
      report({ type: 'error', scope, reason: error.code, message: error.message });
    },
    clear: (scope) => void failing.delete(scope),
    count: () => count,
    failing: () => failing.size,
    reasons: () => new Map([...failing].map(([scope, error]) => [scope, error.message] as const)),
    last: () => last,
  };
}
