/**
 * PROD, DEBUG, DIAG: how much is told. DIAG writes everything to a file of its own, for a bounded time and up to a
 * bounded size; then the settings file is told PROD again.
 */

import type { Mode } from '../../config/schema.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import type { Failure, Result } from '../core/result.ts';
import type { AuditFile } from '../io/audit-file.ts';
import type { LogLevel } from '../io/log.ts';
import type { Fact } from './protocol.ts';

const SECOND_MS = 1_000;

export interface ModesPort {
  readonly clock: Clock;
  /** How long DIAG lasts; seconds. */
  diagSec(): number;
  setLevel(level: LogLevel): void;
  openAudit(): Promise<Result<AuditFile>>;
  /** What stands in the audit each second. */
  second(): Readonly<Record<string, unknown>>;
  /** Puts PROD in the place of DIAG in the settings file. */
  writeProd(): Promise<Result<void>>;
  /** A line that operators look for. */
  say(line: string): void;
  note(fact: Fact): void;
  onError(scope: string, failure: Failure): void;
}

export interface Modes {
  mode(): Mode;
  /** The settings want this one. */
  set(mode: Mode): void;
  /** A line for the audit; nothing where there is none. */
  tell(kind: string, more: Readonly<Record<string, unknown>>): void;
  /** Resolves when the audit is on disk. */
  stop(): Promise<void>;
}

/** Begins with `first`; when that is DIAG, it is bounded as any other. */
export function createModes(first: Mode, port: ModesPort): Modes {
  const { clock } = port;
  let mode = first;
  let audit: AuditFile | null = null;
  let cancels: readonly Cancel[] = [];
  /** Audits that are being opened or closed. */
  let working: Promise<void> = Promise.resolve();
  /** The newest DIAG that came to its end, until that is told. */
  let ending: Promise<void> = Promise.resolve();

  const told = (from: Mode, reason: string, more: Readonly<Record<string, unknown>>, words: string): void => {
    port.note({ type: 'mode', scope: 'collector', from, to: mode, reason, ...more });
    port.say(`[OK] mode: ${mode} (${words})`);
  };

  const open = async (): Promise<void> => {
    if (mode !== 'DIAG' || audit !== null) return;
    const opened = await port.openAudit();
    if (!opened.ok) return port.onError('diag', opened.error);
    audit = opened.value;
    tell('second', port.second());
  };

  const close = async (): Promise<void> => {
    const closing = audit;
    audit = null;
    if (closing === null) return;
    await closing.close();
    const { count, last } = closing.errors();
    if (count > 0 && last !== null) port.onError('diag', last);
  };

  const leaveDiag = (): void => {
    for (const cancel of cancels) cancel();
    cancels = [];
    working = working.then(close);
  };

  const tell = (kind: string, more: Readonly<Record<string, unknown>>): void => {
    if (audit !== null && !audit.write(kind, more)) finish('its file is full');
  };

  const enter = (next: Mode): void => {
    mode = next;
    port.setLevel(mode === 'PROD' ? 'info' : 'debug');
    if (mode !== 'DIAG') return;
    const sec = port.diagSec();
    cancels = [
      clock.after(sec * 1000, () => finish(`${sec} s are over`)),
      clock.every(SECOND_MS, () => tell('second', port.second())),
    ];
    working = working.then(open);
  };

  /** DIAG has had its time, or its room. */
  const finish = (reason: string): void => {
    if (mode !== 'DIAG') return;
    leaveDiag();
    enter('PROD');
    ending = writeProd(reason);
  };

  const writeProd = async (reason: string): Promise<void> => {
    const written = await port.writeProd();
    const words = written.ok
      ? `DIAG: ${reason}; written to the settings`
      : `DIAG: ${reason}; PROD could not be written to the settings: ${written.error.message}`;
    told(
      'DIAG',
      reason,
      { written: written.ok, ...(!written.ok && { message: written.error.message }) },
      words,
    );
  };

  enter(first);
  if (first === 'DIAG') port.say(`[OK] mode: DIAG (for ${port.diagSec()} s)`);
  return {
    mode: () => mode,
    set(next) {
      if (next === mode) return;
      const from = mode;
      if (from === 'DIAG') leaveDiag();
      enter(next);
      const words = next === 'DIAG' ? `settings; for ${port.diagSec()} s` : 'settings';
      told(from, 'settings', {}, words);
    },
    tell,
    async stop() {
      leaveDiag();
      await Promise.all([working, ending]);
    },
  };
}
