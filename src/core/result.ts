/** Failures are values at the edges; exceptions are bugs. */

export type Retry = 'now' | 'later' | 'never';

export interface Failure {
  /** Short and stable, for programs: `ENOTFOUND`, `429`, `wrong_shape`. */
  readonly code: string;
  /** For people: what happened. Never holds a secret. */
  readonly message: string;
  readonly retry: Retry;
}

export type Result<T, E = Failure> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });
export const err = <E>(error: E): Result<never, E> => ({ ok: false, error });

export function failure(code: string, message: string, retry: Retry = 'later'): Failure {
  return { code, message, retry };
}

/** A thrown value as a failure: the system's own code (`ENOENT`, `ECONNREFUSED`) where there is one. */
export function failureOf(thrown: unknown, retry: Retry = 'later'): Failure {
  if (thrown instanceof Error) {
    const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name;
    return failure(code, thrown.message || code, retry);
  }
  return failure('thrown', String(thrown), retry);
}
