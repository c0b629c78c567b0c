/**
 * TLS handshakes over any {@linkcode Connection}, by `node:tls`.
 *
 * @module
 */
import type { ConnectionOptions, TlsOptions, TLSSocket } from "node:tls";
import { type TimeoutBounds, withTimeout } from "../with_timeout.ts";
import { type TlsEngine, tlsError, TlsStart } from "./tls_engine.ts";
import { nodeModules } from "./node_modules.ts";
import type { Connection } from "../connection.ts";

/** Which side of the handshake this is, and its options. */
export type TlsRole =
  | { readonly client: ConnectionOptions }
  | { readonly server: TlsOptions };

type Tls = typeof import("node:tls");

// The types of Node.js forget that this is an option of every socket.
const HALF_OPEN = { allowHalfOpen: true };
/** Our own timeout is shorter; 0 would mean two minutes. */
const NEVER = 2 ** 31 - 1;

/**
 * Shakes hands. If that fails, the socket closes, behind the alert that says why.
 *
 * @param raw the socket; it belongs to this function from now on
 * @param role which side this is, and its options
 * @param bounds what cuts it short
 */
export async function performHandshake(
  raw: Connection,
  role: TlsRole,
  bounds: Omit<TimeoutBounds, "cut">,
): Promise<TlsEngine> {
  const modules = await nodeModules();
  const { tls } = modules;
  const start = new TlsStart(modules, raw);
  const { bridge } = start;
  const engine = new Promise<TlsEngine>((resolve, reject) => {
    const secured = (socket: TLSSocket) => resolve(start.secured(socket));
    const failed = (error: Error) => {
      reject(bridge.error instanceof Error ? bridge.error : tlsError(error));
    };
    bridge.stream.once(
      "end",
      () => failed(new Error("unexpected end of file")),
    );
    bridge.stream.once("close", () => failed(new Error("socket closed")));
    if ("client" in role) {
      asClient(tls, start, role.client, { secured, failed });
    } else asServer(tls, start, role.server, { secured, failed });
  });
  try {
    return await withTimeout(engine, { ...bounds, cut: () => bridge.cut() });
  } catch (error) {
    bridge.stream.destroy();
    throw error;
  }
}

interface Outcome {
  secured(socket: TLSSocket): void;
  failed(error: Error): void;
}

function asClient(
  tls: Tls,
  { bridge }: TlsStart,
  options: ConnectionOptions,
  { secured, failed }: Outcome,
): void {
  const socket = tls.connect({
    ...options,
    ...HALF_OPEN,
    socket: bridge.stream,
  });
  socket.once("secureConnect", () => secured(socket));
  socket.on("error", failed);
}

/**
 * A server that never listens and is told of its one connection, as Node.js
 * documents it: only `tls.Server` compares what a client presents with what
 * was required. A bare `TLSSocket` lets an unknown authority pass.
 */
function asServer(
  tls: Tls,
  { bridge }: TlsStart,
  options: TlsOptions,
  { secured, failed }: Outcome,
): void {
  const server = tls.createServer({
    ...options,
    ...HALF_OPEN,
    handshakeTimeout: NEVER,
  });
  server.once("secureConnection", (socket) => {
    if (socket.authorized || !options.requestCert) return secured(socket);
    socket.destroy();
    failed(unverified(socket));
  });
  server.once("tlsClientError", (error, socket) => {
    failed(socket.authorizationError ? unverified(socket) : error);
  });
  server.emit("connection", bridge.stream);
}

function unverified({ authorizationError }: TLSSocket): Error {
  return new Error(
    `unable to verify the client's certificate: ${authorizationError}`,
  );
}
