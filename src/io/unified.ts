/**
 * Any exchange that ccxt knows, by ccxt's unified methods: what it gives is ccxt's own form as JSON, numbers and all.
 * Such a method can make several HTTP requests, each of which asks for leave of its own.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../core/ports.ts';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';
import { type Ccxt, type CcxtExchange, judge, loadCcxt } from './ccxt.ts';
import { createSender, type HttpAnswer, type Reply, unsent } from './send.ts';

/** Makes one HTTP request, when it may be made. */
export type Leave = (send: () => Promise<Reply>) => Promise<Reply>;

export interface UnifiedAnswer {
  /** JSON of what the method gave, without the exchange's own words (`info`). */
  readonly text: string;
  /** Our time when its last HTTP answer had come, µs UTC. */
  readonly localUs: number;
  /** Of that answer, as of `HttpAnswer`; without one (the method asked nothing anew) `date` is null. */
  readonly sentUs: number;
  readonly headUs: number;
  readonly date: string | null;
  /** The call, as a URL: `ccxt://kraken/fetchTrades?symbol=BTC%2FUSD`. */
  readonly url: string;
}

export interface Unified {
  /** Loads what a first call would wait for. */
  ready(): Promise<Result<void>>;
  /** `loadMarkets` gives the list of those that `params.symbols` names, of all without it; the other methods ask for `params.symbol`. */
  call(
    method: string,
    params: Readonly<Record<string, string | number>>,
    leave: Leave,
  ): Promise<Result<UnifiedAnswer>>;
  close(): void;
}

export interface UnifiedOptions {
  readonly ccxtId: string;
  /** In place of the origin of every URL of the exchange; empty: its own. */
  readonly origin: string;
  /** For each HTTP request. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly proxy?: string | undefined;
}

const METHODS: readonly string[] = ['fetchTicker', 'fetchOrderBook', 'fetchTrades'];

/** A failure on its way through ccxt, which knows exceptions alone. */
class CallFailed extends Error {
  readonly failure: Failure;
  constructor(cause: Failure) {
    super(cause.message);
    this.failure = cause;
  }
}

interface Call {
  readonly leave: Leave;
  /** The newest HTTP answer. */
  last: HttpAnswer | null;
}

export function createUnified(options: UnifiedOptions): Unified {
  const { ccxtId, clock, timeoutMs, proxy } = options;
  const sender = createSender(ccxtId, timeoutMs, clock);
  const calls = new AsyncLocalStorage<Call>();
  let loading: Promise<CcxtExchange> | null = null;
  let opened: CcxtExchange | null = null;

  const open = async (): Promise<CcxtExchange> => {
    const ccxt = await loadCcxt(ccxtId);
    const { exchange } = ccxt;
    exchange.enableRateLimit = false;
    exchange.timeout = timeoutMs;
    if (options.origin !== '') rebase(exchange.urls.api, options.origin);
    if (proxy !== undefined) exchange[proxy.startsWith('socks') ? 'socksProxy' : 'httpsProxy'] = proxy;
    exchange.undiciRequest = (url, request) => {
      const call = calls.getStore();
      // We only read: what is signed or posted is never sent.
      if (call === undefined || request.method !== 'GET')
        return Promise.resolve(
          unsent(failure('refused', `${ccxtId}: ${request.method} is not sent`, 'never')),
        );
      return call.leave(async () => {
        const reply = await sender.send(exchange.undiciModule, url, request);
        return reply.ok ? judge(ccxt, reply.value, url, request.method) : reply;
      });
    };
    exchange.handleRestResponse = (reply) => Promise.resolve(parsed(ccxt, reply, calls.getStore()) as Reply);
    opened = exchange;
    return exchange;
  };
  const load = (): Promise<CcxtExchange> => {
    loading ??= open().catch((thrown: unknown) => {
      loading = null;
      throw thrown;
    });
    return loading;
  };

  /** Markets that could not be loaded are loaded again by the next call. */
  const forget = (): void => {
    if (opened !== null && !opened.markets) delete opened.marketsLoading;
  };

  const invoke = async (method: string, params: Readonly<Record<string, string | number>>) => {
    const exchange = await load();
    const run = exchange[method];
    if (typeof run !== 'function') throw new Error(`${ccxtId} has no ${method}`);
    if (method !== 'loadMarkets') return run.call(exchange, params.symbol) as unknown;
    const markets = (await run.call(exchange)) as Readonly<Record<string, unknown>>;
    if (params.symbols === undefined) return Object.values(markets);
    const wanted = String(params.symbols).split(',');
    return wanted.flatMap((symbol) => (Object.hasOwn(markets, symbol) ? [markets[symbol]] : []));
  };

  return {
    async ready() {
      try {
        await load();
        return ok(undefined);
      } catch (thrown) {
        return err(failureOf(thrown, 'never'));
      }
    },
    async call(method, params, leave) {
      if (method !== 'loadMarkets' && !METHODS.includes(method))
        return err(failure('unknown_endpoint', `no method ${method}`, 'never'));
      const call: Call = { leave, last: null };
      const startedUs = clock.wallUs();
      try {
        const given = await calls.run(call, () => invoke(method, params));
        const query = new URLSearchParams(
          Object.entries(params).map(([key, value]): [string, string] => [key, String(value)]),
        );
        const text = JSON.stringify(given, (key, value: unknown) => (key === 'info' ? undefined : value));
        const { localUs, sentUs, headUs } = call.last ?? {
          localUs: startedUs,
          sentUs: startedUs,
          headUs: startedUs,
        };
        const date = call.last?.headers.date ?? null;
        return ok({ text, localUs, sentUs, headUs, date, url: `ccxt://${ccxtId}/${method}?${query}` });
      } catch (thrown) {
        forget();
        if (thrown instanceof CallFailed) return err(thrown.failure);
        return err(failureOf(thrown));
      }
    },
    close: sender.close,
  };
}

/** What ccxt goes on with: the answer's JSON. */
function parsed({ exchange }: Ccxt, reply: Reply, call: Call | undefined): unknown {
  if (!reply.ok) throw new CallFailed(reply.error);
  const { text } = reply.value;
  if (call !== undefined) call.last = reply.value;
  return exchange.parseJson(text.trim()) ?? text;
}

/** Every URL of a tree, at another origin. */
function rebase(urls: Record<string, unknown>, origin: string): void {
  for (const [key, value] of Object.entries(urls)) {
    if (typeof value === 'string') urls[key] = value.replace(/^https?:\/\/[^/]+/, origin);
    else if (typeof value === 'object' && value !== null) rebase(value as Record<string, unknown>, origin);
  }
}
