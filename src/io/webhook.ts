/** Tells another program of something by POST: one at a time, a bounded queue, never in the way of anything else. */

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../core/ports.ts';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';

export interface WebhookOptions {
  /** `http://…` or `https://…`. May hold a secret: it is told to nobody, but for its origin. */
  readonly url: string;
  readonly clock: Clock;
  /** From the connect to the head of the answer. */
  readonly timeoutMs?: number;
  /** Messages that may wait; of more, the oldest are left out. */
  readonly queue?: number;
}

/** As it stands in `status.json`. */
export interface WebhookStatus {
  readonly sent: number;
  readonly failed: number;
  /** Left out, since too many waited or the program stopped. */
  readonly dropped: number;
  readonly last_error: string | null;
}

export interface Webhook {
  /** Sends it as JSON when its turn comes; a failed one is counted, and not sent again. */
  send(message: unknown): void;
  status(): WebhookStatus;
  /** Ends the one under way and leaves out those that wait. */
  close(): void;
}

export function createWebhook({ url, clock, timeoutMs = 5_000, queue = 20 }: WebhookOptions): Webhook {
  const target = new URL(url);
  const waiting: string[] = [];
  let ending: AbortController | null = null;
  let closed = false;
  let sent = 0;
  let failed = 0;
  let dropped = 0;
  let lastError: string | null = null;

  const next = (): void => {
    if (ending !== null || closed) return;
    const body = waiting.shift();
    if (body === undefined) return;
    const abort = new AbortController();
    ending = abort;
    const late = failure('ETIMEDOUT', `${target.origin}: no answer within ${timeoutMs} ms`);
    const stopTimer = clock.after(timeoutMs, () => abort.abort(late));
    void post(target, body, abort.signal).then((result) => {
      stopTimer();
      ending = null;
      if (result.ok) sent += 1;
      else {
        failed += 1;
        lastError = `${result.error.code} ${result.error.message}`;
      }
      next();
    });
  };

  return {
    send(message) {
      if (closed) return;
      waiting.push(JSON.stringify(message));
      if (waiting.length > queue) {
        waiting.shift();
        dropped += 1;
      }
      next();
    },
    status: () => ({ sent, failed, dropped, last_error: lastError }),
    close() {
      closed = true;
      dropped += waiting.length;
      waiting.length = 0;
      ending?.abort(failure('aborted', `${target.origin}: the collector stopped`));
    },
  };
}

/** A connection of its own, so that none lingers between changes that are hours apart. */
function post(target: URL, body: string, signal: AbortSignal): Promise<Result<void>> {
  return new Promise((resolve) => {
    const fail = (thrown: unknown): void => {
      const why = signal.aborted ? (signal.reason as Failure) : failureOf(thrown);
      resolve(err(failure(why.code, why.message)));
    };
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const request = target.protocol === 'https:' ? httpsRequest : httpRequest;
    try {
      const sending = request(target, { method: 'POST', headers, agent: false, signal }, (response) => {
        const status = response.statusCode ?? 0;
        // Its text is of no use, and may never end.
        response.on('error', () => undefined);
        response.destroy();
        const isGood = status >= 200 && status < 300;
        resolve(isGood ? ok(undefined) : err(failure(String(status), `${target.origin} answered ${status}`)));
      });
      sending.on('error', fail);
      sending.end(body);
    } catch (thrown) {
      fail(thrown);
    }
  });
}
