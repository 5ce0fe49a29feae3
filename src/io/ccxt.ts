/** What is used of ccxt itself: one exchange's module, and what it knows of the exchange's errors. */

import { existsSync } from 'node:fs';
import { err, failure, ok, type Retry } from '../core/result.ts';
import { type HttpAnswer, nameOf, type Reply, type Undici, type UndiciRequest } from './send.ts';

/** What is used of an exchange object of ccxt 4.5. Its types would bring in those of every exchange. */
export interface CcxtExchange {
  readonly urls: { readonly api: Record<string, string> };
  readonly undiciModule: Undici;
  enableRateLimit: boolean;
  apiKey?: string;
  timeout: number;
  /** A loading that failed stays here for ever, unless it is taken away. */
  marketsLoading?: unknown;
  readonly markets?: unknown;
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

export interface Ccxt {
  readonly exchange: CcxtExchange;
  /** ccxt's error classes by name. */
  readonly errors: Readonly<Record<string, ErrorClass>>;
}

/** Statuses by which venues refuse us, whatever else the answer says: too many, banned, a firewall's ban. */
const LIMIT_STATUSES: readonly number[] = [429, 418, 403];
/** A longer answer with a good status is data: ccxt need not parse it to look for an error. */
const LONGEST_ERROR = 65_536;
const EXCHANGE = /^[a-z0-9]+$/;
const folder = (): URL => new URL('./src/', import.meta.resolve('ccxt'));

/** Whether ccxt has an exchange of this id. */
export function isExchange(id: string): boolean {
  return EXCHANGE.test(id) && existsSync(new URL(`abstract/${id}.js`, folder()));
}

/** One exchange's module, found beside ccxt's entry: the package's `exports` hide the single files. */
export async function loadCcxt(id: string): Promise<Ccxt> {
  if (!EXCHANGE.test(id)) throw new Error(`no exchange of ccxt: ${id}`);
  const module = (await import(new URL(`${id}.js`, folder()).href)) as { default: new () => CcxtExchange };
  const errors = (await import(new URL('base/errors.js', folder()).href)) as Ccxt['errors'];
  const exchange = new module.default();
  await exchange.loadFetchImplementation();
  if (exchange.undiciModule === undefined) throw new Error('ccxt found no undici to send requests with');
  return { exchange, errors };
}

/** Is it an error, and which: by the status, by the body, and by what ccxt knows of the venue's codes. */
export function judge({ exchange, errors }: Ccxt, answer: HttpAnswer, url: string, verb: string): Reply {
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
  const code = refused ? String(status) : (own ?? (good ? 'wrong_shape' : String(status)));
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
