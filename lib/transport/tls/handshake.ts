/**
 * TLS handshakes over any {@linkcode Connection}, with `node:tls`.
 *
 * @module
 */
import type { ConnectionOptions, TlsOptions, TLSSocket } from "node:tls";
import { type TimeoutBounds, withTimeout } from "../with_timeout.ts";
import { PendingTlsEngine, type TlsEngine, tlsError } from "./tls_engine.ts";
import { nodeTls } from "./node_tls.ts";
import type { Connection } from "../connection.ts";

/** The role in the handshake, with its options. */
export type TlsRole =
  & (
    | { readonly client: ConnectionOptions }
    | { readonly server: TlsOptions }
  )
  & {
    /** Whether an end without close_notify is an error. @default {true} */
    readonly requireCloseNotify?: boolean | undefined;
  };

type Tls = typeof import("node:tls");

// The Node.js types lack this option, which every socket has.
const HALF_OPEN = { allowHalfOpen: true };
/**
 * Disables the timer of `node:tls`, as 0 would mean two minutes. Until it expires,
 * this timer keeps the socket of a failed handshake.
 */
const NEVER = -1;

/**
 * Performs a TLS handshake.
 *
 * If it fails, the socket sends an alert with the reason and closes.
 *
 * @param raw the socket; this function owns it
 * @param role client or server, with its options
 * @param bounds signal and timeout
 */
export async function performHandshake(
  raw: Connection,
  role: TlsRole,
  bounds: Omit<TimeoutBounds, "cancel">,
): Promise<TlsEngine> {
  const modules = await nodeTls();
  const { tls } = modules;
  const pending = new PendingTlsEngine(modules, raw);
  const { bridge } = pending;
  const engine = new Promise<TlsEngine>((resolve, reject) => {
    const { requireCloseNotify = true } = role;
    const secured = (socket: TLSSocket) =>
      resolve(pending.secured(socket, requireCloseNotify));
    const failed = (error: Error) => {
      reject(bridge.error instanceof Error ? bridge.error : tlsError(error));
    };
    bridge.stream.once(
      "end",
      () => failed(new Error("unexpected end of file")),
    );
    bridge.stream.once("close", () => failed(new Error("socket closed")));
    if ("client" in role) {
      handshakeAsClient(tls, pending, role.client, { secured, failed });
    } else handshakeAsServer(tls, pending, role.server, { secured, failed });
  });
  try {
    return await withTimeout(engine, {
      ...bounds,
      cancel: () => bridge.abort(),
    });
  } catch (error) {
    bridge.stream.destroy();
    throw error;
  }
}

interface Outcome {
  secured(socket: TLSSocket): void;
  failed(error: Error): void;
}

function handshakeAsClient(
  tls: Tls,
  { bridge }: PendingTlsEngine,
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
 * Performs the handshake of a server.
 *
 * A `tls.Server` that does not listen receives its only connection as an event,
 * as Node.js documents. A bare `TLSSocket` would accept an unknown authority,
 * because only `tls.Server` checks the client's certificate.
 */
function handshakeAsServer(
  tls: Tls,
  { bridge }: PendingTlsEngine,
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
