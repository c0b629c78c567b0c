/**
 * The sockets of the operating system, as the runtime provides them.
 *
 * @module
 */
import type { Connection, SocketAddress } from "./connection.ts";

/** Where a TCP socket connects or listens. */
export interface TcpEndpoint {
  /** Host name or IP address, with the zone of an IPv6 address. */
  readonly hostname: string;
  /** Port; 0 asks a listener for any free one. */
  readonly port: number;
}

/** Options of each TCP socket, with their defaults applied. */
export interface TcpSettings {
  /** Whether to send small writes immediately. */
  readonly noDelay: boolean;
  /** Whether the operating system probes an idle peer. */
  readonly keepAlive: boolean;
}

/** Options for connecting a TCP socket. */
export interface TcpDialSettings extends TcpSettings {
  /** Whether to try IPv6 and IPv4 addresses concurrently. */
  readonly autoSelectFamily?: boolean | undefined;
  /** Milliseconds before the other address family is tried as well. */
  readonly autoSelectFamilyAttemptDelay?: number | undefined;
  /** Cancels the attempt. */
  readonly signal?: AbortSignal | undefined;
}

/** Options for a listening TCP socket. */
export interface TcpBindSettings extends TcpSettings {
  /** Number of clients that may wait for `accept`. */
  readonly backlog?: number | undefined;
  /** Whether several processes may listen on the same port. */
  readonly reusePort: boolean;
}

/** A listening socket of the platform. */
export interface PlatformListener {
  /** The bound address. */
  readonly addr: SocketAddress;
  /** Waits for the next client; the caller makes one call at a time. */
  accept(): Promise<Connection>;
  /** Stops listening; a pending `accept` rejects. */
  close(): void;
  /** Keeps the process alive while the socket listens (the default). */
  ref(): void;
  /** Lets the process exit while the socket listens. */
  unref(): void;
}

/**
 * The part of a runtime that the transports need.
 *
 * Calls reject with the platform's own errors; `error_mapping.ts` recognizes
 * them by name or code.
 */
export interface Platform {
  /** The operating system, as `Deno.build.os` names it. */
  readonly os: string;
  /** Connects a TCP socket. */
  connectTcp(to: TcpEndpoint, settings: TcpDialSettings): Promise<Connection>;
  /** Binds a TCP socket and listens. */
  listenTcp(
    at: TcpEndpoint,
    settings: TcpBindSettings,
  ): Promise<PlatformListener>;
  /** Connects a Unix socket; a path that begins with NUL is an abstract name. */
  connectUnix(path: string): Promise<Connection>;
  /** Binds a Unix socket and listens. */
  listenUnix(path: string): Promise<PlatformListener>;
  /** Sets the permission bits of a file. */
  setMode(path: string, mode: number): Promise<void>;
  /**
   * Returns a number that identifies a socket file; `null` if files have none.
   *
   * Returns `undefined` if the file is not a socket.
   */
  socketFile(path: string): Promise<number | null | undefined>;
  /** Removes a file. */
  removeFile(path: string): Promise<void>;
  /**
   * Returns a connection over the standard streams of this process.
   *
   * @param addr the address of both ends
   */
  stdio(addr: SocketAddress): Connection;
}
