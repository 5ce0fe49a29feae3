/** The one way to a venue's REST: wait for the permit, call, tell how it ended. */

import type { Clock } from '../core/ports.ts';
import type { Redact } from '../core/redact.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import type { RestAnswer, RestCall, VenueRest, Verdict } from '../core/venue.ts';
import type { Unified } from '../io/unified.ts';
import type { Demand, Ending, Governor, Permit } from './governor.ts';
import type { Fact, Priority, RestText } from './protocol.ts';
import type { Pause } from './restraint.ts';

/** What is used of the REST client (`io/http.ts`). */
export interface RestClient {
  ready(): Promise<Result<void>>;
  call(method: string, params: RestCall['params']): Promise<Reply>;
}

type Reply = Result<
  Whole,
  Failure & { readonly venueCode: string | null; readonly sent: boolean; readonly answer: Whole | null }
>;
type Whole = RestText & Pick<RestAnswer, 'status' | 'headers'> & Pick<TimedText, 'sentUs' | 'headUs'>;

/** An answer with what it tells of the venue's clock. */
export interface TimedText extends RestText {
  /** When it was asked, and when the head of the answer came; µs UTC. */
  readonly sentUs: number;
  readonly headUs: number;
  /** Its `Date` header. */
  readonly date: string | null;
}

export interface RestOptions {
  readonly venue: { readonly id: string; readonly rest: Pick<VenueRest, 'judge'> };
  readonly governor: Governor;
  readonly http: RestClient;
  readonly clock: Pick<Clock, 'wallUs' | 'monoMs'>;
  /** Weights in place of the venue's own, by `RestCall.method`, as they are now. */
  weights(): Readonly<Record<string, number>>;
  /** Put to what a failure says: a venue may repeat what it was asked. */
  readonly redact: Redact;
  /** Told of each limit, for `events.jsonl`: `rate_limit`, or `ban`. */
  onFact(fact: Fact): void;
  /** The venue wants no session of any kind for so long, ms. */
  onSessionsPause(ms: number): void;
  /** Told of each request when it is over, sent or not. */
  onRequest?(line: RequestLine): void;
}

/** One request, and what the governor made of it; times in ms. */
export interface RequestLine extends Readonly<Record<string, unknown>> {
  readonly venue: string;
  readonly method: string;
  /** `not_sent`: it got no permit, or was taken back. */
  readonly outcome: Ending['outcome'] | 'not_sent';
}

export interface Rest {
  /**
   * The answer's text and our time of receipt (µs UTC). Fails with `refused` when the call can never fit the budget,
   * with `aborted` when the wait is ended, else with the codes of `io/http.ts`. Once sent, a call is not taken back.
   */
  ask(call: RestCall, priority: Priority, owner: string, signal?: AbortSignal): Promise<Result<TimedText>>;
}

/** Of an answer that never came. */
const NO_WORD: Verdict = { limit: null, used: null };

/** One HTTP request, as it may be sent. `method`: what is asked for. */
export type Permitted = (
  demand: Demand & { readonly method: string },
  send: () => Promise<Reply>,
) => Promise<Reply>;

/** Waits for the permit, sends, and tells how it ended: nothing reaches a venue in another way. */
export function createPermitted(options: Omit<RestOptions, 'http' | 'weights'>): Permitted {
  const { venue, governor } = options;

  /** Of a request that was sent: judges its ending, and obeys. Resolves when a pause that follows is on disk. */
  const settle = async (permit: Permit, reply: Reply, tell: Tell): Promise<void> => {
    const whole = reply.ok ? reply.value : reply.error.answer;
    const verdict = whole === null ? NO_WORD : judge(whole, reply.ok ? null : reply.error.venueCode);
    const outcome = verdict.limit?.outcome ?? (reply.ok ? 'OK' : 'ERR');
    const took_ms = options.clock.monoMs() - permit.atMs;
    const pause = await governor.ended(permit, {
      ...verdict,
      outcome,
      answered: whole !== null,
      reason: reply.ok ? '' : reply.error.message,
    });
    tell(outcome, {
      waited_ms: permit.waitedMs,
      took_ms,
      status: whole?.status ?? null,
      chars: whole?.text.length ?? 0,
      code: reply.ok ? null : reply.error.code,
      used: verdict.used?.weight ?? null,
      pause_ms: pause?.ms ?? 0,
      stretch: governor.stretch(),
    });
    if (pause === null) return;
    options.onFact(pauseFact(venue.id, pause, reply.ok ? 'OK' : reply.error.code, options.clock.wallUs()));
    if (pause.scope === 'all') options.onSessionsPause(pause.ms);
  };

  const judge = ({ status, headers, text, localUs }: Whole, code: string | null): Verdict =>
    venue.rest.judge({ status, code, headers, text, nowUs: localUs });

  return async (demand, send) => {
    const tell: Tell = (outcome, more) => {
      const { method, owner, priority, window, weight } = demand;
      options.onRequest?.({ venue: venue.id, method, owner, priority, window, weight, outcome, ...more });
    };
    const notSent = (cause: Failure): Reply => {
      tell('not_sent', { code: cause.code });
      return unsent(cause);
    };
    const permit = await governor.acquire(demand);
    if (!permit.ok) return notSent(permit.error);
    if (demand.signal?.aborted) {
      governor.giveBack(permit.value);
      return notSent(failure('aborted', `${venue.id}: aborted before it was sent`, 'never'));
    }
    const reply = redacted(await send(), options.redact);
    if (reply.ok || reply.error.sent) {
      await settle(permit.value, reply, tell);
      return reply;
    }
    governor.giveBack(permit.value);
    tell('not_sent', { waited_ms: permit.value.waitedMs, code: reply.error.code });
    return reply;
  };
}

function redacted(reply: Reply, redact: Redact): Reply {
  return reply.ok ? reply : err({ ...reply.error, message: redact(reply.error.message) });
}

type Tell = (outcome: RequestLine['outcome'], more: Readonly<Record<string, unknown>>) => void;

const unsent = (cause: Failure): Reply => err({ ...cause, venueCode: null, sent: false, answer: null });

export function createRest(options: RestOptions): Rest {
  const { http, weights, redact } = options;
  const permitted = createPermitted(options);
  return {
    async ask({ method, params, weight, window }, priority, owner, signal) {
      // Before the permit: what is sent late comes too close to the next.
      const ready = await http.ready();
      if (!ready.ok) return err(plain(ready.error, redact));
      const demand = { method, priority, window, weight: weights()[method] ?? weight, owner, signal };
      const reply = await permitted(demand, () => http.call(method, params));
      if (reply.ok) {
        const { text, localUs, sentUs, headUs, headers, url } = reply.value;
        return ok({ text, localUs, sentUs, headUs, date: headers.date ?? null, url });
      }
      return err(plain(reply.error, redact));
    },
  };
}

/** Nothing beside: it may cross to a thread, and the answer's text can be large. */
const plain = ({ code, message, retry }: Failure, redact: Redact): Failure =>
  failure(code, redact(message), retry);

/** By ccxt's unified methods: a permit for each HTTP request that one makes. */
export function createUnifiedRest(options: Omit<RestOptions, 'http'> & { readonly unified: Unified }): Rest {
  const { unified, weights, redact } = options;
  const permitted = createPermitted(options);
  return {
    async ask({ method, params, weight, window }, priority, owner, signal) {
      const ready = await unified.ready();
      if (!ready.ok) return err(plain(ready.error, redact));
      const demand = { method, priority, window, weight: weights()[method] ?? weight, owner, signal };
      const answer = await unified.call(method, params, (send) => permitted(demand, send));
      return answer.ok ? answer : err(plain(answer.error, redact));
    },
  };
}

/** `ban` or `rate_limit`, for `events.jsonl`. */
export function pauseFact(venue: string, pause: Pause, code: string, nowUs: number): Fact {
  return {
    type: pause.ban ? 'ban' : 'rate_limit',
    scope: venue,
    code,
    pause_sec: Math.ceil(pause.ms) / 1000,
    until_ts: seconds(nowUs + pause.ms * 1000),
    sessions: pause.scope === 'all',
    reason: pause.reason,
  };
}
