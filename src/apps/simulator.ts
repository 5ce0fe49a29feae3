/** The embedded simulator: a process of its own, so that its load is not ours. */

import { fork } from 'node:child_process';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { EXIT } from './console.ts';

type Endpoints = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Ready {
  readonly type?: string;
  readonly endpoints?: Endpoints;
  readonly control?: string | null;
}

export interface Simulator {
  /** By venue, for the settings. */
  readonly endpoints: Endpoints;
  /** Where faults are asked for (`--control`); null where they are not. */
  readonly control: string | null;
  /** It also ends by itself when this process does, however that ends. */
  stop(): void;
  /** Resolves when its process has ended, its journal written. */
  readonly ended: Promise<void>;
}

/** Fails with `usage` where it refuses its arguments, else with `simulator`. */
export function startSimulator(cli: string, args: readonly string[]): Promise<Result<Simulator>> {
  return new Promise((resolve) => {
    const child = fork(cli, ['sim', '--port', '0', ...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let said = '';
    const ended = new Promise<void>((over) => child.once('exit', () => over()));
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-2_000);
    });
    child.once('exit', (exit) => {
      const code = exit === EXIT.usage ? 'usage' : 'simulator';
      resolve(err(failure(code, said.trim() || 'the simulator ended', 'never')));
    });
    // The system starts no further process; or, later, a message does not reach it, and its end is told by `exit`.
    child.on('error', (thrown) => {
      resolve(err(failure('simulator', `the simulator: ${failureOf(thrown).message}`)));
    });
    child.on('message', (message: Ready) => {
      if (message.type !== 'ready' || message.endpoints === undefined) return;
      const stop = (): void => {
        if (child.connected) child.disconnect();
      };
      resolve(ok({ endpoints: message.endpoints, control: message.control ?? null, stop, ended }));
    });
  });
}
