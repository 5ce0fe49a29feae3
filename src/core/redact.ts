/** Keeps what may be a secret out of everything that is said and written for people. */

export type Redact = (text: string) => string;

const MASK = '***';
/** A shorter password stands in too many other words. */
const SHORTEST = 5;
/** Of a path or a query: long, or letters and digits together. A plain word (`okx`, `proxy`) is no secret. */
const TOKEN = /^(?:.{12,}|(?=.*\d)(?=.*[a-z]).{5,})$/i;
/** The user and the password of any URL, known or not. */
const USER = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"'`@\\]+@/gi;

/**
 * Of these URLs (a proxy's, a webhook's, other base URLs) the user, the password, and tokens in the path and the query
 * are taken for secret wherever they stand: as they are, decoded, in JSON, and as `Basic` credentials; behind the URL's
 * own host all of its path is. Texts that are no URL hide nothing.
 */
export function redactor(urls: readonly string[]): Redact {
  const known = urls.filter((url) => URL.canParse(url)).map((url) => new URL(url));
  const secrets = [
    ...known.flatMap(baseOf),
    ...known.flatMap(secretsOf).map((secret) => [secret, MASK] as const),
  ].sort(([a], [b]) => b.length - a.length);
  return (text) =>
    secrets.reduce((left, [secret, mask]) => left.replaceAll(secret, mask), text.replace(USER, `$1${MASK}@`));
}

/** `https://host/path`, and what is told of it. */
function baseOf({ protocol, host, pathname }: URL): readonly (readonly [string, string])[] {
  const path = pathname.replace(/\/+$/, '');
  return path === '' ? [] : [[`${protocol}//${host}${path}`, `${protocol}//${host}/${MASK}`]];
}

function secretsOf({ username, password, pathname, searchParams }: URL): readonly string[] {
  const pair = `${decoded(username)}:${decoded(password)}`;
  const credentials =
    username + password === '' ? [] : [password, `${username}:${password}`, pair, btoa(pair)];
  const tokens = [...pathname.split('/'), ...searchParams.values()].filter((one) => TOKEN.test(one));
  return [...credentials, ...tokens]
    .flatMap((one) => [one, decoded(one), JSON.stringify(decoded(one)).slice(1, -1)])
    .filter((one) => one.length >= SHORTEST);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray % is itself.
    return text;
  }
}

/**
 * Of a URL that begins with one of these, the path of that one is masked. What was appended stands, character by
 * character: who reads it knows what was asked.
 */
export function baseHider(bases: readonly string[]): Redact {
  const known = bases
    .filter((base) => URL.canParse(base))
    .flatMap((base) =>
      baseOf(new URL(base)).flatMap(([clear, masked]) => [
        [clear, masked] as const,
        [base.replace(/\/+$/, ''), masked] as const,
      ]),
    )
    .sort(([a], [b]) => b.length - a.length);
  return (url) => {
    const [path, masked] = known.find(([one]) => url === one || url.startsWith(`${one}/`)) ?? ['', ''];
    return masked + url.slice(path.length);
  };
}

/** The same value, each text within redacted. For what is JSON. */
export function redactAll<T>(value: T, redact: Redact): T {
  return JSON.parse(JSON.stringify(value), (_, one: unknown) =>
    typeof one === 'string' ? redact(one) : one,
  ) as T;
}
