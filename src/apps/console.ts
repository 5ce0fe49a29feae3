/** What every command is given: where it stands, and where it speaks. */

export interface Console {
  out(line: string): void;
  err(line: string): void;
  /** Puts a text in the place of the terminal's current line; absent where stderr is no terminal. */
  readonly progress?: (text: string) => void;
}

export interface Place {
  /** The project root. */
  readonly root: string;
  readonly cwd: string;
  readonly version: string;
  /** The compiled command line, to start a child with. */
  readonly cli: string;
  /** The compiled thread entry. */
  readonly fetcherUrl: URL;
  /** `workers/compress`, likewise. */
  readonly compressUrl: URL;
}

/** DESIGN 6.1. */
export const EXIT = { ok: 0, warn: 1, crit: 2, usage: 64, software: 70, io: 74, running: 75 } as const;
