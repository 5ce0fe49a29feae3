/** A source whose sent texts are recorded raw too. */

import type { Capture } from '../core/capture.ts';
import type { Source } from '../core/source.ts';

export function recordedSource(source: Source, connection: string, capture: Capture | null): Source {
  if (capture === null) return source;
  return {
    send(text) {
      const sent = source.send(text);
      if (sent.ok) capture.send(connection, text);
      return sent;
    },
    close: (how) => source.close(how),
  };
}
