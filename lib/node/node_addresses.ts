/**
 * Addresses of sockets of `node:net`.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { SocketAddress } from "../transport/connection.ts";

/** The addresses of both ends of a connection. */
export interface Addresses {
  /** The local address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
}

/** Returns the addresses of a client of a Unix socket. */
export function connectedUnix(path: string): Addresses {
  const remoteAddr = { transport: "unix", path };
  return { localAddr: { transport: "unix", path: null }, remoteAddr };
}

/** Returns the addresses of a connected TCP socket. */
export function tcpAddresses(socket: Socket): Addresses {
  return {
    localAddr: tcp(socket.localAddress, socket.localPort),
    remoteAddr: tcp(socket.remoteAddress, socket.remotePort),
  };
}

/**
 * Returns the addresses of an accepted socket.
 *
 * @param socket the accepted socket
 * @param listening the address of its listener
 */
export function acceptedAddresses(
  socket: Socket,
  listening: SocketAddress,
): Addresses {
  if (listening.transport !== "unix") return tcpAddresses(socket);
  const remoteAddr = { transport: "unix", path: null };
  return { localAddr: listening, remoteAddr };
}

/**
 * Returns a TCP address.
 *
 * @param hostname IP address; absent if the peer has disconnected already
 * @param port its port
 */
export function tcp(
  hostname: string | undefined,
  port: number | undefined,
): SocketAddress {
  return { transport: "tcp", hostname: hostname ?? "", port: port ?? 0 };
}
