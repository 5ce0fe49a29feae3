/**
 * The REST client: ccxt's implicit endpoints of one exchange, without its throttle. ccxt builds the URL, chooses the
 * proxy and knows the venue's error codes; the answer's text comes back untouched.
 *
 * Two of ccxt's methods are replaced. `undiciRequest`: it drops the system's error code, its timeout ends with the
 * headers, and a compressed answer that breaks off hangs it. `handleRestResponse`: it keeps the text in one field per
 * exchange object, where overlapping calls mix. Here everything about a call travels in its own return value.
 */

import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Clock } from '../core/ports.ts';
import { err, type Failure, failure, failureOf, ok, type Result, type Retry } from '../core/result.ts';

/** An answer that is no error, neither by its status nor by its body. */
export interface HttpAnswer {
  readonly status: number;
  /** Exactly what the venue sent, decompressed, as UTF-8. */
  readonly text: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Our time when the whole answer had come, µs UTC. */
  readonly localUs: number;
  /** What was asked. */
  readonly url: string;
}

/**
 * `code` is the status for 429, 418 and 403, else the venue's own code (`50011`, `-1121`), else the status; without
 * an answer the system's (`ENOTFOUND`, `ECONNREFUSED`, `ECONNRESET`, `ETIMEDOUT`).
 */
export interface HttpFailure extends Failure {
  /** The venue's own code, where its answer has one. */
  readonly venueCode: string | null;
  /** False: no request left us. */
  readonly sent: boolean;
  /** Null where no whole answer came. */
  readonly answer: HttpAnswer | null;
}

export type Reply = Result<HttpAnswer, HttpFailure>;

export interface Http {
  /** Loads what a first call would wait for. */
  ready(): Promise<Result<void>>;
  /** Calls an endpoint by ccxt's name for it (`publicGetDepth`). Never throws. */
  call(method: string, params: Readonly<Record<string, string | number>>): Promise<Reply>;
  /** Ends the calls in flight with `aborted`, and refuses all that come after. */
  close(): void;
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
}

/** Statuses by which venues refuse us, whatever else the answer says: too many, banned, a firewall's ban. */
const LIMIT_STATUSES: readonly number[] = [429, 418, 403];
/** A longer answer with a good status is data: ccxt need not parse it to look for an error. */
const LONGEST_ERROR = 65_536;
/** Bytes, after decompression: far above any public answer, and no reason to run out of memory. */
const LARGEST_ANSWER = 128 * 1024 * 1024;
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  deflate: createInflate,
};
const SYSTEM_CODES: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_BODY_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_SOCKET: 'ECONNRESET',
};

/** Loads nothing before the first call. */
export function createHttp({ ccxtId, bases, timeoutMs, clock, proxy }: HttpOptions): Http {
  const inFlight = new Set<AbortController>();
  let loading: Promise<Ccxt> | null = null;
  let closed = false;

  const open = async (): Promise<Ccxt> => {
    const ccxt = await loadCcxt(ccxtId);
    const { exchange } = ccxt;
    exchange.enableRateLimit = false;
    exchange.timeout = timeoutMs;
    Object.assign(exchange.urls.api, bases);
    if (proxy !== undefined) exchange[proxy.startsWith('socks') ? 'socksProxy' : 'httpsProxy'] = proxy;
    exchange.undiciRequest = (url, request) => exchanged(exchange.undiciModule, url, request);
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

  const exchanged = async (undici: Undici, url: string, request: UndiciRequest): Promise<Reply> => {
    if (closed) return unsent(failure('aborted', `${ccxtId}: the client is closed`, 'never'));
    const abort = new AbortController();
    const ending = failure('ETIMEDOUT', `${nameOf(url)}: no whole answer within ${timeoutMs} ms`);
    const stopTimer = clock.after(timeoutMs, () => abort.abort(ending));
    inFlight.add(abort);
    try {
      // ccxt's own signal is left out: it ends with the headers, ours with the last byte.
      const headers = { ...request.headers, 'Accept-Encoding': 'gzip, deflate, br' };
      const response = await undici.request(url, { ...request, headers, signal: abort.signal });
      const text = await readText(response);
      const { statusCode: status } = response;
      return ok({ status, text, headers: plainHeaders(response.headers), localUs: clock.wallUs(), url });
    } catch (thrown) {
      const cause = abort.signal.aborted
        ? (abort.signal.reason as Failure)
        : systemFailure(thrown, nameOf(url));
      return unanswered(cause);
    } finally {
      stopTimer();
      inFlight.delete(abort);
    }
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
        // Whether it was sent is not known: then it counts as sent.
        return unanswered(failureOf(thrown, 'never'));
      }
    },
    close() {
      closed = true;
      const why = failure('aborted', `${ccxtId}: the client was closed`, 'never');
      for (const abort of inFlight) abort.abort(why);
    },
  };
}

/** What is used of an exchange object of ccxt 4.5. Its types would bring in those of every exchange. */
interface CcxtExchange {
  readonly urls: { readonly api: Record<string, string> };
  readonly undiciModule: Undici;
  enableRateLimit: boolean;
  timeout: number;
  httpsProxy?: string;
  socksProxy?: string;
  undiciRequest(url: string, request: UndiciRequest): Promise<Reply>;
  handleRestResponse(reply: Reply, url: string, verb: string): Promise<Reply>;
  loadFetchImplementation(): Promise<void>;
  parseJson(text: string): unknown;
  handleErrors(...answer: readonly unknown[]): unknown;
  readonly [endpoint: string]: unknown;
}

type ErrorClass = new (message: string) => Error;

interface Ccxt {
  readonly exchange: CcxtExchange;
  /** ccxt's error classes by name. */
  readonly errors: Readonly<Record<string, ErrorClass>>;
}

interface UndiciRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly dispatcher?: unknown;
  readonly signal?: AbortSignal;
}

interface Undici {
  request(url: string, request: UndiciRequest): Promise<UndiciResponse>;
}

interface UndiciResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readable;
}

/** One exchange's module, found beside ccxt's entry: the package's `exports` hide the single files. */
async function loadCcxt(id: string): Promise<Ccxt> {
  if (!/^[a-z0-9]+$/.test(id)) throw new Error(`no exchange of ccxt: ${id}`);
  const folder = new URL('./src/', import.meta.resolve('ccxt'));
  const module = (await import(new URL(`${id}.js`, folder).href)) as { default: new () => CcxtExchange };
  const errors = (await import(new URL('base/errors.js', folder).href)) as Ccxt['errors'];
  const exchange = new module.default();
  await exchange.loadFetchImplementation();
  if (exchange.undiciModule === undefined) throw new Error('ccxt found no undici to send requests with');
  return { exchange, errors };
}

async function readText({ headers, body }: UndiciResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const collect = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > LARGEST_ANSWER) throw new Error(`the answer is larger than ${LARGEST_ANSWER} bytes`);
      chunks.push(chunk);
    }
  };
  const decoder = DECODERS[String(headers['content-encoding']).toLowerCase()];
  // An encoding that was not asked for is left as it is: no schema takes it for an answer.
  await (decoder === undefined ? pipeline(body, collect) : pipeline(body, decoder(), collect));
  return Buffer.concat(chunks).toString('utf8');
}

function plainHeaders(headers: UndiciResponse['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value ?? '')]),
  );
}

/** Is it an error, and which: by the status, by the body, and by what ccxt knows of the venue's codes. */
function judge({ exchange, errors }: Ccxt, answer: HttpAnswer, url: string, verb: string): Reply {
  const { status, text, headers } = answer;
  const good = status >= 200 && status < 300;
  const body = good && text.length > LONGEST_ERROR ? undefined : exchange.parseJson(text.trim());
  let thrown: unknown = null;
  try {
    exchange.handleErrors(status, '', url, verb, headers, text, body, undefined, undefined);
  } catch (error) {
    thrown = error;
  }
  if (good && thrown === null) return ok(answer);

  const is = (...names: readonly string[]) =>
    names.some((name) => errors[name] !== undefined && thrown instanceof errors[name]);
  const refused = LIMIT_STATUSES.includes(status);
  const wrong = is('BadRequest', 'ArgumentsRequired', 'AuthenticationError', 'NotSupported');
  const retry: Retry = wrong && !refused ? 'never' : 'later';
  const own = venueCode(body);
  const code = refused ? String(status) : (own ?? String(status));
  const said = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return err({
    ...failure(code, `${nameOf(url)}: HTTP ${status} ${said}`.trim(), retry),
    venueCode: own,
    sent: true,
    answer,
  });
}

/** The venue's own code: OKX and Binance `code`, Bybit `retCode`, bitFlyer `status`. */
function venueCode(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  const fields = body as Readonly<Record<string, unknown>>;
  const code = fields.retCode ?? fields.code ?? fields.status;
  return typeof code === 'number' || (typeof code === 'string' && code !== '') ? String(code) : null;
}

function unanswered(cause: Failure): Reply {
  return err({ ...cause, venueCode: null, sent: true, answer: null });
}

function unsent(cause: Failure): Reply {
  return err({ ...cause, venueCode: null, sent: false, answer: null });
}

function systemFailure(thrown: unknown, name: string): Failure {
  const cause =
    thrown instanceof Error && !('code' in thrown) && thrown.cause !== undefined ? thrown.cause : thrown;
  const { code, message } = failureOf(cause);
  return failure(SYSTEM_CODES[code] ?? code, `${name}: ${message}`);
}

/** A URL for people: no query, and no user or secret of a proxy's. */
function nameOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
