/**
 * The REST client: ccxt's implicit endpoints of one exchange, without its throttle. ccxt builds the URL, chooses the
 * proxy and knows the venue's error codes; the answer's text comes back untouched.
 *
 * Two of ccxt's methods are replaced. `undiciRequest`: it drops the system's error code, its timeout ends with the
 * headers, and a compressed answer that breaks off hangs it. `handleRestResponse`: it keeps the text in one field per
 * exchange object, where overlapping calls mix. Here everything about a call travels in its own return value.
 */

import type { Clock } from '../core/ports.ts';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { type Ccxt, judge, loadCcxt } from './ccxt.ts';
import { createSender, type Reply, type Sender, type UndiciRequest, unanswered, unsent } from './send.ts';

export interface Http {
  /** Loads what a first call would wait for. */
  ready(): Promise<Result<void>>;
  /** Calls an endpoint by ccxt's name for it (`publicGetDepth`). Never throws. */
  call(method: string, params: Readonly<Record<string, string | number>>): Promise<Reply>;
  /** Ends the calls in flight with `aborted`, and refuses all that come after. */
  close(): void;
}

const NO_KEY = 'none';

function keyless(request: UndiciRequest): UndiciRequest {
  const headers = Object.entries(request.headers).filter(([, value]) => value !== NO_KEY);
  return { ...request, headers: Object.fromEntries(headers) };
}

export interface HttpOptions {
  /** The exchange's id in ccxt. */
  readonly ccxtId: string;
  /** Entries of ccxt's `urls.api` to put others in the place of. */
  readonly bases: Readonly<Record<string, string>>;
  /** For a whole call, from the request to the last byte. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** `http://user:secret@host:port`, `https://…` or `socks5://…`. */
  readonly proxy?: string | undefined;
  /** What carries the requests, in place of the network. */
  readonly sender?: Sender;
}

/** Loads nothing before the first call. */
export function createHttp({ ccxtId, bases, timeoutMs, clock, proxy, ...more }: HttpOptions): Http {
  const sender = more.sender ?? createSender(ccxtId, timeoutMs, clock);
  let loading: Promise<Ccxt> | null = null;

  const open = async (): Promise<Ccxt> => {
    const ccxt = await loadCcxt(ccxtId);
    const { exchange } = ccxt;
    exchange.enableRateLimit = false;
    exchange.timeout = timeoutMs;
    Object.assign(exchange.urls.api, bases);
    if (proxy !== undefined) exchange[proxy.startsWith('socks') ? 'socksProxy' : 'httpsProxy'] = proxy;
    // ccxt wants a key for some that need none (Binance `historicalTrades`); the venue is not shown one.
    exchange.apiKey = NO_KEY;
    exchange.undiciRequest = (url, request) => sender.send(exchange.undiciModule, url, keyless(request));
    exchange.handleRestResponse = async (reply, url, verb) =>
      reply.ok ? judge(ccxt, reply.value, url, verb) : reply;
    return ccxt;
  };
  const load = (): Promise<Ccxt> => {
    loading ??= open().catch((thrown: unknown) => {
      loading = null;
      throw thrown;
    });
    return loading;
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
    async call(method, params) {
      try {
        const { exchange } = await load();
        const endpoint = exchange[method];
        if (!/^\w*[pP]ublicGet[A-Z]/.test(method) || typeof endpoint !== 'function') {
          return unsent(failure('unknown_endpoint', `${ccxtId} has no public endpoint ${method}`, 'never'));
        }
        return (await endpoint(params)) as Reply;
      } catch (thrown) {
        return unanswered(failureOf(thrown, 'never'));
      }
    },
    close: sender.close,
  };
}
