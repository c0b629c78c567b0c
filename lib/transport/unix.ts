/**
 * Unix sockets, and the management of their socket files.
 *
 * @module
 */
import { failure, type FailureContext } from "./error_mapping.ts";
import { requireDeno } from "./require_deno.ts";
import { formatAddress, type UnixAddress } from "./address.ts";
import { TransportError } from "./errors.ts";
import { SocketListenerImpl } from "./socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";

/** Options for a listening Unix socket. */
export interface UnixListenOptions {
  /**
   * Permission bits of the socket file, such as `0o600`.
   *
   * They are set shortly after the file has been created. If the file needs
   * protection until then, keep it in a directory that only the owner can enter.
   * Without this option, the umask applies.
   */
  mode?: number | undefined;
}

/**
 * Connects a Unix socket.
 *
 * The operating system connects or refuses immediately.
 *
 * @param address the server's address
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
 * Connects over a Unix socket.
 *
 * @param address the server's address
 */
export async function connectUnix(
  address: UnixAddress<unknown>,
): Promise<SocketConnection> {
  return new SocketConnectionImpl(await dialUnix(address));
}

/**
 * Binds a Unix socket and listens; replaces a stale socket file.
 *
 * A socket file is stale if no process listens on it.
 *
 * @param address where to listen
 * @param options mode of the file
 * @throws {TransportError} with code `"address-in-use"` if a process listens on the
 * socket, or if the file is not a socket
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
 * @param address where to listen
 * @param options options for the socket file and the listener
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
      inUse.code === "address-in-use";
    if (!taken || !await removeStale(path)) throw inUse;
  }
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    throw failure(error, context);
  }
}

/** Removes a stale socket file; returns whether the address is free now. */
async function removeStale(path: string): Promise<boolean> {
  if (path.startsWith("\0")) return false;
  try {
    const before = await Deno.lstat(path);
    if (!before.isSocket || !await isRefused(path)) return false;
    // Another process may have replaced the file since the first `lstat`, and
    // the new file is not stale.
    const after = await Deno.lstat(path);
    if (after.ino !== before.ino) return false;
    await Deno.remove(path);
    return true;
  } catch (error) {
    // If the file no longer exists, the address is free.
    return error instanceof Deno.errors.NotFound;
  }
}

async function isRefused(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return false;
  } catch (error) {
    // Any other error, such as the one for a full backlog, means that a process
    // is listening.
    return error instanceof Deno.errors.ConnectionRefused;
  }
}

/** Size of `sun_path` in `struct sockaddr_un`, without the final NUL. */
const MAX_PATH_BYTES = { linux: 107, other: 103 };

function requireUnix(path: string, context: FailureContext): void {
  requireDeno(context);
  const { verb, address } = context;
  const { linux, other } = MAX_PATH_BYTES;
  const max = Deno.build.os === "linux" ? linux : other;
  const length = new TextEncoder().encode(path).length;
  if (length > max) {
    throw new TransportError(
      `Cannot ${verb} ${address}: the path of a Unix socket must be at most ${max} bytes here, got ${length}`,
      { code: "address-invalid", address },
    );
  }
  if (Deno.build.os !== "windows") return;
  throw new TransportError(
    `Cannot ${verb} ${address}: Deno does not support Unix sockets on Windows; use TCP on 127.0.0.1`,
    { code: "unsupported", address },
  );
}
