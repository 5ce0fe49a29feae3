/** A line to the simulator that a test can cut. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Relay {
  /** The same URLs, over the line. */
  through(endpoints: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>>;
  /** Ends every connection at once; new ones are taken. */
  cut(): void;
  /** Cuts, and takes no new one until `mend`. */
  sever(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function relayTo(port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  let severed = false;
  const server = createServer((near) => {
    if (severed) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    keep(near, far);
    keep(far, near);
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    through: (endpoints = {}) =>
      Object.fromEntries(
        Object.entries(endpoints).map(([key, url]) => [key, url.replace(`:${port}/`, `:${own}/`)]),
      ),
    cut,
    sever() {
      severed = true;
      cut();
    },
    mend() {
      severed = false;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
    },
  };
}
