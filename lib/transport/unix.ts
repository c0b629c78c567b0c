/**
 * Unix sockets, with the socket file looked after.
 *
 * @module
 */
import { failure, type FailureContext } from "./failure.ts";
import { requireDeno } from "./platform.ts";
import { formatAddress, type UnixAddress } from "./address.ts";
import { TransportError } from "./errors.ts";
import { SocketListenerImpl } from "./socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";

/** Options of a listening Unix socket. */
export interface UnixListenOptions {
  /**
   * Permission bits of the socket file, `0o600` for one. The file is bound
   * before they are set: where that moment matters, keep it in a directory
   * that only its user can enter. Left alone, the umask decides.
   */
  mode?: number;
}

/**
 * Dials a Unix socket. The operating system connects or refuses at once.
 *
 * @param address where to
 */
export async function dialUnix(
  address: UnixAddress<unknown>,
): Promise<Deno.UnixConn> {
  const context = { verb: "connect to", address: formatAddress(address) };
  requireUnix(address.path, context);
  try {
    return await Deno.connect({ transport: "unix", path: address.path });
  } catch (error) {
    throw failure(error, context);
  }
}

/**
 * Connects to a Unix socket.
 *
 * @param address where to
 */
export async function connectUnix(
  address: UnixAddress<unknown>,
): Promise<SocketConnection> {
  return new SocketConnectionImpl(await dialUnix(address));
}

/**
 * Binds and listens. A socket file that nobody listens on is replaced.
 *
 * @param address where
 * @param options mode of the file
 * @throws {TransportError} of kind `"address-in-use"` for a live socket, or a
 * file that is no socket
 */
export async function bindUnix(
  address: UnixAddress<unknown>,
  options: UnixListenOptions = {},
): Promise<Deno.UnixListener> {
  const context = { verb: "listen on", address: formatAddress(address) };
  const { path } = address;
  const { mode } = options;
  requireUnix(path, context);
  const listener = await bindOrReplace(path, context);
  if (mode === undefined || path.startsWith("\0")) return listener;
  try {
    await Deno.chmod(path, mode);
    return listener;
  } catch (error) {
    listener.close();
    throw failure(error, { ...context, verb: "set the mode of" });
  }
}

/**
 * Listens on a Unix socket.
 *
 * @param address where
 * @param options of the file and of the listener
 */
export async function listenUnix(
  address: UnixAddress<unknown>,
  options: UnixListenOptions & ListenerOptions = {},
): Promise<SocketListener> {
  const listener = await bindUnix(address, options);
  return new SocketListenerImpl({
    addr: listener.addr,
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
    accept: async (connectionOptions) =>
      new SocketConnectionImpl(await listener.accept(), connectionOptions),
  }, options);
}

async function bindOrReplace(
  path: string,
  context: FailureContext,
): Promise<Deno.UnixListener> {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    const inUse = failure(error, context);
    const taken = inUse instanceof TransportError &&
      inUse.kind === "address-in-use";
    if (!taken || !await removeStale(path)) throw inUse;
  }
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    throw failure(error, context);
  }
}

/** Whether there was a socket file without a listener; it is gone then. */
async function removeStale(path: string): Promise<boolean> {
  if (path.startsWith("\0")) return false;
  try {
    const before = await Deno.lstat(path);
    if (!before.isSocket || !await isRefused(path)) return false;
    // Somebody else may have replaced it meanwhile: that one is not stale.
    const after = await Deno.lstat(path);
    if (after.ino !== before.ino) return false;
    await Deno.remove(path);
    return true;
  } catch (error) {
    // Its owner has removed it: the address is free.
    return error instanceof Deno.errors.NotFound;
  }
}

async function isRefused(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return false;
  } catch (error) {
    // Anything else, a full backlog for one, means that somebody listens.
    return error instanceof Deno.errors.ConnectionRefused;
  }
}

/** `sun_path` of `struct sockaddr_un` with its final NUL, by operating system. */
const LONGEST_PATH = { linux: 107, other: 103 };

function requireUnix(path: string, context: FailureContext): void {
  requireDeno(context);
  const { verb, address } = context;
  const { linux, other } = LONGEST_PATH;
  const longest = Deno.build.os === "linux" ? linux : other;
  const length = new TextEncoder().encode(path).length;
  if (length > longest) {
    throw new TransportError(
      `Cannot ${verb} ${address}: a Unix socket's path has at most ${longest} bytes here, this one has ${length}`,
      { kind: "address-invalid", address },
    );
  }
  if (Deno.build.os !== "windows") return;
  throw new TransportError(
    `Cannot ${verb} ${address}: Deno has no Unix sockets on Windows; use TCP on 127.0.0.1`,
    { kind: "unsupported", address },
  );
}
