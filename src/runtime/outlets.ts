/** Who is told of the status beside its files: the webhook, the endpoints, and the index of the files. */

import { hostname } from 'node:os';
import type { Settings } from '../../config/schema.ts';
import type { Clock } from '../core/ports.ts';
import { type Failure, failureOf } from '../core/result.ts';
import { openEndpoint } from '../io/endpoint.ts';
import { createWebhook, type Webhook, type WebhookStatus } from '../io/webhook.ts';
import type { View } from './answers.ts';
import { startHealthIndex } from './health-index.ts';
import type { LevelChange } from './health-log.ts';

export interface OutletsInput {
  readonly dataDir: string;
  /** Of `http` what it is at the start. */
  settings(): Pick<Settings, 'health' | 'http'>;
  readonly clock: Clock;
  /** Null before the first look. */
  view(): View | null;
  /** A line that operators look for. */
  say(line: string): void;
  onError(scope: string, failure: Failure): void;
}

export interface Outlets {
  changed(change: LevelChange): void;
  /** Null: there is no webhook. */
  webhook(): WebhookStatus | null;
  close(): Promise<void>;
}

export function openOutlets({ dataDir, settings, clock, view, say, onError }: OutletsInput): Outlets {
  const { http } = settings();
  let hook: { readonly url: string | null; readonly webhook: Webhook | null } = { url: null, webhook: null };
  const index = startHealthIndex({ dataDir, clock, status: () => view()?.status ?? null, onError });

  const open = async () => {
    if (!http.enabled) return null;
    // Loaded here alone: the metrics' library takes 13 MB.
    const { answers } = await import('./answers.ts');
    const opened = await openEndpoint({
      ...http,
      paths: answers(view),
      onError: (what, thrown) => onError(`http ${what}`, failureOf(thrown)),
    });
    if (opened.ok) {
      say(`[OK] http: ${opened.value.url}/metrics`);
      return opened.value;
    }
    // Recording matters more: it goes on without.
    say(`[NG] http: ${opened.error.code} ${opened.error.message}`);
    onError('http', opened.error);
    return null;
  };
  const endpoint = open();

  /** Of the URL that holds now. */
  const webhook = (): Webhook | null => {
    const url = settings().health.webhook;
    if (url !== hook.url) {
      hook.webhook?.close();
      hook = { url, webhook: url === null ? null : createWebhook({ url, clock }) };
    }
    return hook.webhook;
  };

  return {
    changed: (change) => webhook()?.send({ ...change, host: hostname() }),
    webhook: () => webhook()?.status() ?? null,
    async close() {
      hook.webhook?.close();
      await index.stop();
      await (await endpoint)?.close();
    },
  };
}
