/**
 * Unix sockets, and the management of their socket files.
 *
 * @module
 */
import { failure, failureCode, type FailureContext } from "./error_mapping.ts";
import { formatAddress, type UnixAddress } from "./address.ts";
import type { Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";
import { acceptFrom } from "./accept_from.ts";
import { requirePlatform } from "./current_platform.ts";
import type { Platform, PlatformListener } from "./platform.ts";
import { SocketListenerImpl } from "./socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";

/**
 * Options for a listening Unix socket.
 *
 * @category Sockets
 */
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
): Promise<Connection> {
  const context = { verb: "connect to", address: formatAddress(address) };
  const platform = requireUnix(address.path, context);
  try {
    return await platform.connectUnix(address.path);
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
 * @param options options for the socket file and the listener
 * @throws {TransportError} with code `"address-in-use"` if a process listens on the
 * socket, or if the file is not a socket
 */
export async function listenUnix(
  address: UnixAddress<unknown>,
  options: UnixListenOptions & ListenerOptions = {},
): Promise<SocketListener> {
  const context = { verb: "listen on", address: formatAddress(address) };
  const { path } = address;
  const platform = requireUnix(path, context);
  const listener = await bindOrReplace(platform, path, context);
  await setMode(platform, listener, { path, ...options }, context);
  return new SocketListenerImpl(acceptFrom(listener), options);
}

async function setMode(
  platform: Platform,
  listener: PlatformListener,
  { path, mode }: UnixListenOptions & { path: string },
  context: FailureContext,
): Promise<void> {
  if (mode === undefined || path.startsWith("\0")) return;
  try {
    await platform.setMode(path, mode);
  } catch (error) {
    listener.close();
    throw failure(error, { ...context, verb: "set the mode of" });
  }
}

async function bindOrReplace(
  platform: Platform,
  path: string,
  context: FailureContext,
): Promise<PlatformListener> {
  try {
    return await platform.listenUnix(path);
  } catch (error) {
    const inUse = failure(error, context);
    const taken = inUse instanceof TransportError &&
      inUse.code === "address-in-use";
    if (!taken || !await removeStale(platform, path)) throw inUse;
  }
  try {
    return await platform.listenUnix(path);
  } catch (error) {
    throw failure(error, context);
  }
}

/** Removes a stale socket file; returns whether the address is free now. */
async function removeStale(platform: Platform, path: string): Promise<boolean> {
  if (path.startsWith("\0")) return false;
  try {
    const before = await platform.socketFile(path);
    if (before === undefined || !await isRefused(platform, path)) return false;
    // Another process may have replaced the file since the first look, and the
    // new file is not stale.
    if (await platform.socketFile(path) !== before) return false;
    await platform.removeFile(path);
    return true;
  } catch (error) {
    // If the file no longer exists, the address is free.
    return failureCode(error) === "not-found";
  }
}

async function isRefused(platform: Platform, path: string): Promise<boolean> {
  try {
    (await platform.connectUnix(path)).close();
    return false;
  } catch (error) {
    // Any other error, such as the one for a full backlog, means that a process
    // is listening.
    return failureCode(error) === "refused";
  }
}

/** Size of `sun_path` in `struct sockaddr_un`, without the final NUL. */
const MAX_PATH_BYTES = { linux: 107, other: 103 };

function requireUnix(path: string, context: FailureContext): Platform {
  const platform = requirePlatform(context);
  const { verb, address } = context;
  const { linux, other } = MAX_PATH_BYTES;
  const max = platform.os === "linux" ? linux : other;
  const length = new TextEncoder().encode(path).length;
  if (length > max) {
    throw new TransportError(
      `Cannot ${verb} ${address}: the path of a Unix socket must be at most ${max} bytes here, got ${length}`,
      { code: "address-invalid", address },
    );
  }
  if (platform.os !== "windows") return platform;
  throw new TransportError(
    `Cannot ${verb} ${address}: Unix sockets are not supported on Windows; use TCP on 127.0.0.1`,
    { code: "unsupported", address },
  );
}
