/** What happens while the collector runs, told once and heard by several: the ledger, the log, the audit of DIAG. */

import { EventEmitter } from 'eventemitter3';
import { type Redact, redactAll } from '../core/redact.ts';
import type { Failure } from '../core/result.ts';
import type { FileReport } from '../io/file-ops.ts';
import type { BatchWay } from './batch-way.ts';
import type { Ledger } from './ledger.ts';
import type { Modes } from './modes.ts';
import type { Fact } from './protocol.ts';
import type { RequestLine } from './rest.ts';
import type { Tell } from './scoped-log.ts';

export interface Happenings {
  fact: (fact: Fact) => void;
  file: (report: FileReport) => void;
  error: (scope: string, failure: Failure) => void;
  /** Counted in the status, with samples on disk. */
  reject: (scope: string, reason: string) => void;
  request: (line: RequestLine) => void;
  batch: (way: BatchWay) => void;
}

export type HappeningsEmitter = EventEmitter<Happenings>;

export const createHappenings = (): HappeningsEmitter => new EventEmitter<Happenings>();

/** Facts go to events.jsonl; what a file's sink told and every error are facts too. */
export function toLedger(happenings: HappeningsEmitter, ledger: Pick<Ledger, 'note'>, redact: Redact): void {
  happenings.on('fact', (fact) => ledger.note(redactAll(fact, redact)));
  happenings.on('file', (report) => {
    // The ledger's own repair is not noted in itself while it is being written.
    if (!report.scope.endsWith('events.jsonl'))
      happenings.emit('fact', { ...report, scope: 'collector', file: report.scope });
  });
  happenings.on('error', (scope, { code, message }) => {
    happenings.emit('fact', { type: 'error', scope, code, message });
  });
}

/** What comes too often for a line each is told in DEBUG alone. */
export function toLog(happenings: HappeningsEmitter, tell: Tell): void {
  happenings.on('fact', (fact) => tell('info', fact, fact.type));
  happenings.on('file', (report) => tell('warn', report, 'file'));
  happenings.on('error', (scope, failure) => tell('error', { scope, ...failure }, 'error'));
  happenings.on('reject', (scope, reason) => tell('debug', { scope, reason }, 'reject'));
  happenings.on('request', (line) => tell('debug', { scope: line.venue, ...line }, 'rest'));
  happenings.on('batch', (way) => tell('debug', { scope: way.worker, ...way }, 'batch'));
}

export function toAudit(happenings: HappeningsEmitter, modes: Pick<Modes, 'tell'>, redact: Redact): void {
  happenings.on('fact', (fact) => modes.tell('fact', redactAll(fact, redact)));
  happenings.on('file', (report) => modes.tell('file', redactAll({ ...report }, redact)));
  happenings.on('request', (line) => modes.tell('rest', redactAll(line, redact)));
  happenings.on('batch', (way) => modes.tell('batch', { ...way }));
}
