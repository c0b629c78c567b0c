/**
 * The sockets of Deno.
 *
 * @module
 */
import type { Connection, SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type {
  Platform,
  PlatformListener,
  TcpBindSettings,
  TcpDialSettings,
  TcpEndpoint,
  TcpSettings,
} from "./platform.ts";
import { formatAddress } from "./address.ts";

/** `Deno.listen` and `Deno.connect`. */
export const denoPlatform: Platform = {
  get os() {
    return Deno.build.os;
  },
  connectTcp,
  listenTcp,
  connectUnix: (path) => Deno.connect({ transport: "unix", path }),
  async listenUnix(path) {
    return await Deno.listen({ transport: "unix", path });
  },
  setMode: (path, mode) => Deno.chmod(path, mode),
  async socketFile(path) {
    const { isSocket, ino } = await Deno.lstat(path);
    return isSocket ? ino : undefined;
  },
  removeFile: (path) => Deno.remove(path),
  stdio: denoStdio,
};

async function connectTcp(
  { hostname, port }: TcpEndpoint,
  settings: TcpDialSettings,
): Promise<Deno.TcpConn> {
  const { autoSelectFamily, autoSelectFamilyAttemptDelay, signal } = settings;
  const conn = await Deno.connect({
    hostname,
    port,
    ...(signal && { signal: cancelOnly(signal) }),
    ...(autoSelectFamily !== undefined && { autoSelectFamily }),
    ...(autoSelectFamilyAttemptDelay !== undefined &&
      { autoSelectFamilyAttemptDelay }),
  });
  if (!signal?.aborted) return configure(conn, settings);
  conn.close();
  throw signal.reason;
}

/**
 * Returns a signal that does not throw once the connection is established.
 *
 * `Deno.connect` calls `throwIfAborted` once more after the connection is
 * established; if that throws, the connection leaks until the process exits. A
 * signal that is already aborted still throws.
 */
function cancelOnly(signal: AbortSignal): AbortSignal {
  const follower = AbortSignal.any([signal]);
  if (!signal.aborted) follower.throwIfAborted = () => {};
  return follower;
}

async function listenTcp(
  { hostname, port }: TcpEndpoint,
  settings: TcpBindSettings,
): Promise<PlatformListener> {
  const { backlog, reusePort } = settings;
  if (reusePort) requireUnstableNet(hostname, port);
  const listener = await Deno.listen({
    hostname,
    port,
    ...(reusePort && { reusePort }),
    ...(backlog !== undefined && { tcpBacklog: backlog }),
  });
  return {
    addr: listener.addr,
    accept: async () => configure(await listener.accept(), settings),
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}

/** Sets socket options; closes the socket if the peer has already disconnected. */
function configure(
  conn: Deno.TcpConn,
  { noDelay, keepAlive }: TcpSettings,
): Deno.TcpConn {
  try {
    if (noDelay) conn.setNoDelay(true);
    if (keepAlive) conn.setKeepAlive(true);
    return conn;
  } catch (cause) {
    conn.close();
    const address = formatAddress(conn.remoteAddr);
    throw new TransportError(
      `Cannot configure the socket of ${address}: the peer has disconnected`,
      { code: "reset", address, cause },
    );
  }
}

/** Standard input and output; both close once. */
function denoStdio(addr: SocketAddress): Connection {
  let finished = false;
  let closed = false;
  function finish(): void {
    if (!finished) Deno.stdout.close();
    finished = true;
  }
  function close(): void {
    finish();
    if (!closed) Deno.stdin.close();
    closed = true;
  }
  return {
    localAddr: addr,
    remoteAddr: addr,
    read: (buffer) => Deno.stdin.read(buffer),
    write: (data) => Deno.stdout.write(data),
    async closeWrite() {
      await Promise.resolve(finish());
    },
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * Throws unless Deno runs with `--unstable-net`.
 *
 * Without the flag, Deno would not throw but exit with code 70. The presence of
 * `listenDatagram` reveals the flag.
 */
function requireUnstableNet(hostname: string, port: number): void {
  if (Reflect.get(Deno, "listenDatagram") !== undefined) return;
  const address = formatAddress({ transport: "tcp", hostname, port });
  throw new TransportError(
    `Cannot listen on ${address} with 'reusePort': run Deno with the flag '--unstable-net'`,
    { code: "unsupported", address },
  );
}
