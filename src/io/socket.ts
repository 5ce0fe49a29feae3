/** A WebSocket as a source of frames. */

import { type RawData, WebSocket } from 'ws';
import type { Clock } from '../core/ports.ts';
import { err, failure, failureOf, ok } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';

export interface SocketLimits {
  readonly handshakeMs: number;
  /** A larger frame closes the connection. */
  readonly frameBytes: number;
}

/** The largest frame seen is below 1 MB; more than 16 MB is a fault. */
const LIMITS: SocketLimits = { handshakeMs: 10_000, frameBytes: 16 * 1024 * 1024 };

/**
 * Opens `url`. Pings of the server are answered by `ws` itself with their payload. A close carries the code and the
 * reason that the server gave, or the system's error.
 */
export function openSocket(
  url: string,
  clock: Clock,
  handlers: SourceHandlers,
  limits: SocketLimits = LIMITS,
): Source {
  const socket = new WebSocket(url, {
    handshakeTimeout: limits.handshakeMs,
    maxPayload: limits.frameBytes,
    // Costs CPU and memory for each connection, and adds delay; the venues do not need it.
    perMessageDeflate: false,
    followRedirects: false,
  });
  let cause = failure('closed', 'before it opened');
  let closed = false;

  socket.on('open', () => {
    cause = failure('closed', 'without a close frame');
    handlers.onOpen();
  });
  socket.on('message', (data: RawData) => {
    if (!closed) handlers.onFrame(textOf(data), clock.wallUs());
  });
  socket.on('ping', () => handlers.onSign());
  socket.on('pong', () => handlers.onSign());
  socket.on('error', (thrown) => {
    cause = failureOf(thrown);
  });
  socket.on('close', (code, reason) => {
    if (closed) return;
    closed = true;
    // 1006 means that no close frame came: the error before it says more.
    const said = reason.length > 0 ? ` (${reason.toString('utf8').slice(0, 120)})` : '';
    handlers.onClose(code === 1006 ? cause : failure(`ws ${code}`, `closed by the server${said}`));
  });

  return {
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return err(failure('not_open', 'the connection is not open'));
      socket.send(text);
      return ok(undefined);
    },
    close(how) {
      if (how === 'politely' && socket.readyState === WebSocket.OPEN) socket.close(1000);
      else socket.terminate();
    },
  };
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.from(data).toString('utf8');
}
