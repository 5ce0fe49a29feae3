/** The embedded simulator: a process of its own, so that its load is not ours. */

import { fork } from 'node:child_process';
import { err, failure, ok, type Result } from '../core/result.ts';

type Endpoints = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Simulator {
  /** By venue, for the settings. */
  readonly endpoints: Endpoints;
  /** It also ends by itself when this process does, however that ends. */
  stop(): void;
}

export function startSimulator(cli: string, args: readonly string[]): Promise<Result<Simulator>> {
  return new Promise((resolve) => {
    const child = fork(cli, ['sim', '--port', '0', ...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-2_000);
    });
    child.once('exit', () =>
      resolve(err(failure('simulator', said.trim() || 'the simulator ended', 'never'))),
    );
    child.on('message', (message: { readonly type?: string; readonly endpoints?: Endpoints }) => {
      if (message.type !== 'ready' || message.endpoints === undefined) return;
      const stop = (): void => {
        if (child.connected) child.disconnect();
      };
      resolve(ok({ endpoints: message.endpoints, stop }));
    });
  });
}
