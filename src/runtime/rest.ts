/** The one way to a venue's REST: wait for the permit, call, note how it ended, stop when the venue says so. */

import type { Clock } from '../core/ports.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import type { RestCall } from '../core/venue.ts';
import type { Governor } from './governor.ts';
import type { Fact, Priority, RestText } from './protocol.ts';
import type { Outcome } from './rate-stats.ts';

/** What is used of the REST client (`io/http.ts`). */
export interface RestClient {
  call(
    method: string,
    params: RestCall['params'],
  ): Promise<Result<RestText, Failure & { readonly limited: boolean; readonly retryAfterMs: number | null }>>;
}

export interface RestOptions {
  readonly venue: { readonly id: string };
  readonly governor: Governor;
  readonly http: RestClient;
  readonly clock: Clock;
  /** Told of each pause, for `events.jsonl`: `{type: 'rate_limit', scope, code, pause_sec, reason}`. */
  readonly onFact?: ((fact: Fact) => void) | undefined;
}

export interface Rest {
  /**
   * The answer's text and our time of receipt (µs UTC). Fails with `refused` when the call can never fit the budget,
   * with `aborted` when the wait is ended, else with the codes of `io/http.ts`. Once sent, a call is not taken back.
   */
  ask(call: RestCall, priority: Priority, owner: string, signal?: AbortSignal): Promise<Result<RestText>>;
}

/** A limit without a `Retry-After`. */
const PAUSE_MS = 60_000;
/**
 * Bybit's 403 "access too frequent": end all sessions and wait ten minutes.
 * https://bybit-exchange.github.io/docs/v5/rate-limit
 */
const FORBIDDEN_PAUSE_MS: Readonly<Record<string, number>> = { bybit: 600_000 };
/** Limits that ccxt does not know for such. Bybit 10429: "system level frequency protection". */
const LIMIT_CODES: Readonly<Record<string, readonly string[]>> = { bybit: ['10429'] };
const LIMIT_STATUSES = new Map<string, Outcome>([
  ['418', 418],
  ['403', 403],
]);
/** The outcome of every other limit, those that are known by their body alone among them. */
const TOO_MANY = 429;

export function createRest({ venue, governor, http, clock, onFact }: RestOptions): Rest {
  const pause = (outcome: Outcome, error: Failure, retryAfterMs: number | null): void => {
    const leastMs = outcome === 403 ? (FORBIDDEN_PAUSE_MS[venue.id] ?? 0) : 0;
    const pauseMs = Math.max(retryAfterMs ?? PAUSE_MS, leastMs);
    governor.pauseUntil(clock.monoMs() + pauseMs);
    onFact?.({
      type: 'rate_limit',
      scope: venue.id,
      code: error.code,
      pause_sec: pauseMs / 1000,
      reason: error.message,
    });
  };

  return {
    async ask(call, priority, owner, signal) {
      const { window, weight } = call;
      const permit = await governor.acquire({ priority, window, weight, owner, signal });
      if (!permit.ok) return permit;
      const answer = await http.call(call.method, call.params);
      if (answer.ok) {
        governor.note('OK');
        return ok({ text: answer.value.text, localUs: answer.value.localUs });
      }
      const { error } = answer;
      const limited = error.limited || LIMIT_CODES[venue.id]?.includes(error.code) === true;
      const outcome = limited ? (LIMIT_STATUSES.get(error.code) ?? TOO_MANY) : 'ERR';
      governor.note(outcome);
      if (limited) pause(outcome, error, error.retryAfterMs);
      // Only the plain failure: it may cross to a thread, and the answer's text can be large.
      return err(failure(error.code, error.message, error.retry));
    },
  };
}
