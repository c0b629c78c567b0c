/**
 * The sockets of Node.js and Bun.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { chmod, lstat, unlink } from "node:fs/promises";
import {
  connect,
  createServer,
  type ListenOptions,
  type NetConnectOpts,
  type Socket,
} from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { failureCode } from "../transport/error_mapping.ts";
import type { SocketAddress } from "../transport/connection.ts";
import type {
  Platform,
  TcpBindSettings,
  TcpDialSettings,
  TcpEndpoint,
  TcpSettings,
} from "../transport/platform.ts";
import { connectedUnix, tcp, tcpAddresses } from "./node_addresses.ts";
import { NodeListener } from "./node_listener.ts";
import { NodeStreams } from "../transport/node_streams.ts";

/** Number of clients that may wait for `accept`, as in Deno. */
const BACKLOG = 511;

/** Sockets of `node:net`, and files of `node:fs`. */
export const nodePlatform: Platform = {
  os: process.platform === "win32" ? "windows" : process.platform,
  async connectTcp(to, settings) {
    const socket = await connected(dialOptions(to, settings), settings.signal);
    return new NodeStreams(socket, socket, tcpAddresses(socket));
  },
  async listenTcp({ hostname, port }, settings) {
    const { backlog = BACKLOG, reusePort } = settings;
    const options = { host: hostname, port, backlog };
    try {
      return await listening(
        reusePort ? { ...options, reusePort } : options,
        settings,
      );
    } catch (error) {
      // Bun does not report that a name is unknown, but its lookup does.
      if (failureCode(error) === "other") await lookup(hostname);
      throw error;
    }
  },
  async connectUnix(path) {
    const socket = await connected({ path, ...HALF_OPEN });
    return new NodeStreams(socket, socket, connectedUnix(path));
  },
  async listenUnix(path) {
    try {
      return await listening({ path, backlog: BACKLOG }, {});
    } catch (error) {
      // Node.js reports EACCES if the folder is missing.
      if (failureCode(error) === "permission") await lstat(dirname(path));
      throw error;
    }
  },
  setMode: (path, mode) => chmod(path, mode),
  async socketFile(path) {
    const stats = await lstat(path);
    return stats.isSocket() ? stats.ino : undefined;
  },
  removeFile: (path) => unlink(path),
  stdio: (addr) =>
    new NodeStreams(process.stdin, process.stdout, {
      localAddr: addr,
      remoteAddr: addr,
    }),
};

const HALF_OPEN = { allowHalfOpen: true };

function dialOptions(
  { hostname, port }: TcpEndpoint,
  settings: TcpDialSettings,
): NetConnectOpts {
  const { autoSelectFamily, autoSelectFamilyAttemptDelay: delay } = settings;
  const { noDelay, keepAlive } = settings;
  return {
    host: hostname,
    port,
    noDelay,
    keepAlive,
    ...HALF_OPEN,
    ...(autoSelectFamily !== undefined && { autoSelectFamily }),
    // Node.js rejects less than 10 ms.
    ...(delay !== undefined &&
      { autoSelectFamilyAttemptTimeout: Math.max(delay, 10) }),
  };
}

/** Connects a socket, which stays paused. */
function connected(
  options: NetConnectOpts,
  signal?: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  if (signal?.aborted) return Promise.reject(signal.reason);
  const socket = connect(options);
  const abort = () => {
    socket.destroy();
    reject(signal?.reason);
  };
  signal?.addEventListener("abort", abort, { once: true });
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.pause();
    resolve(socket);
  });
  return promise.finally(() => signal?.removeEventListener("abort", abort));
}

/** Listens; the sockets of clients are paused until they are accepted. */
function listening(
  options: ListenOptions,
  settings: Partial<TcpBindSettings>,
): Promise<NodeListener> {
  const { promise, resolve, reject } = Promise.withResolvers<NodeListener>();
  const server = createServer({
    ...HALF_OPEN,
    ...tcpSettings(settings),
    pauseOnConnect: true,
  });
  server.once("error", reject); // later, it changes nothing
  server.listen(options, () => {
    const addr = boundAddress(server.address(), options);
    resolve(new NodeListener(server, addr, options.backlog ?? BACKLOG));
  });
  return promise;
}

function tcpSettings(
  { noDelay, keepAlive }: Partial<TcpSettings>,
): Partial<TcpSettings> {
  return {
    ...(noDelay !== undefined && { noDelay }),
    ...(keepAlive !== undefined && { keepAlive }),
  };
}

function boundAddress(
  address: string | { address: string; port: number } | null,
  { path }: ListenOptions,
): SocketAddress {
  return path !== undefined || address === null || typeof address === "string"
    ? { transport: "unix", path: path ?? null }
    : tcp(address.address, address.port);
}
