/** One HTTP exchange, to the last byte: in place of ccxt's, which drops the system's error code and can hang. */

import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Clock } from '../core/ports.ts';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';

/** An answer that is no error, neither by its status nor by its body. */
export interface HttpAnswer {
  readonly status: number;
  /** Exactly what the venue sent, decompressed, as UTF-8. */
  readonly text: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Our time when the whole answer had come, µs UTC. */
  readonly localUs: number;
  /** When it was asked, and when the head of the answer came: by the monotonic clock, counted back from `localUs`. */
  readonly sentUs: number;
  readonly headUs: number;
  /** What was asked. */
  readonly url: string;
}

/**
 * `code` is the status for 429, 418 and 403, else the venue's own code (`50011`, `-1121`), else the status, or
 * `wrong_shape` where that is good and the body is none of the venue's; without an answer the system's (`ENOTFOUND`,
 * `ECONNREFUSED`, `ECONNRESET`, `ETIMEDOUT`).
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

export interface UndiciRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface Undici {
  request(url: string, request: UndiciRequest): Promise<UndiciResponse>;
}

export interface UndiciResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readable;
}

export interface Sender {
  send(undici: Undici, url: string, request: UndiciRequest): Promise<Reply>;
  /** Ends what is in flight with `aborted`, and refuses all that comes after. */
  close(): void;
}

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

/** `timeoutMs`: for a whole exchange, from the request to the last byte. */
export function createSender(name: string, timeoutMs: number, clock: Clock): Sender {
  const inFlight = new Set<AbortController>();
  let closed = false;
  return {
    async send(undici, url, request) {
      if (closed) return unsent(failure('aborted', `${name}: the client is closed`, 'never'));
      const abort = new AbortController();
      const ending = failure('ETIMEDOUT', `${nameOf(url)}: no whole answer within ${timeoutMs} ms`);
      const stopTimer = clock.after(timeoutMs, () => abort.abort(ending));
      inFlight.add(abort);
      try {
        // ccxt's own signal is left out: it ends with the headers, ours with the last byte.
        const headers = { ...request.headers, 'Accept-Encoding': 'gzip, deflate, br' };
        const sentMs = clock.monoMs();
        const response = await undici.request(url, { ...request, headers, signal: abort.signal });
        const headMs = clock.monoMs();
        const text = await readText(response);
        const localUs = clock.wallUs();
        const nowMs = clock.monoMs();
        const wallUs = (ms: number): number => Math.round(localUs - (nowMs - ms) * 1000);
        return ok({
          status: response.statusCode,
          text,
          headers: plainHeaders(response.headers),
          localUs,
          sentUs: wallUs(sentMs),
          headUs: wallUs(headMs),
          url,
        });
      } catch (thrown) {
        const cause = abort.signal.aborted
          ? (abort.signal.reason as Failure)
          : systemFailure(thrown, nameOf(url));
        return unanswered(cause);
      } finally {
        stopTimer();
        inFlight.delete(abort);
      }
    },
    close() {
      closed = true;
      const why = failure('aborted', `${name}: the client was closed`, 'never');
      for (const abort of inFlight) abort.abort(why);
    },
  };
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

/** Whether it was sent is not known: then it counts as sent. */
export function unanswered(cause: Failure): Reply {
  return err({ ...cause, venueCode: null, sent: true, answer: null });
}

export function unsent(cause: Failure): Reply {
  return err({ ...cause, venueCode: null, sent: false, answer: null });
}

function systemFailure(thrown: unknown, name: string): Failure {
  const cause =
    thrown instanceof Error && !('code' in thrown) && thrown.cause !== undefined ? thrown.cause : thrown;
  const { code, message } = failureOf(cause);
  return failure(SYSTEM_CODES[code] ?? code, `${name}: ${message}`);
}

/** A URL for people: no query, and no user or secret of a proxy's. */
export function nameOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
