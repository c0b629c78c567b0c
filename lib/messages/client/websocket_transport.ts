/**
 * WebSocket as the only transport, for browsers.
 *
 * @module
 */
import { TransportError } from "../../transport/errors.ts";
import { connectFailure } from "../../transport/websocket/connect_failure.ts";
import { connectOpened } from "../../transport/websocket/opening_handshake.ts";
import { openPlainWebSocket } from "../../transport/websocket/plain_websocket.ts";
import type { ClientTransport } from "./client_transport.ts";

/** Connects to WebSocket URLs. */
export const WEB_SOCKET_TRANSPORT: ClientTransport = {
  check(addresses) {
    for (const address of addresses) urlOf(address);
  },
  nameOf: urlOf,
  async connect(address, { signal, timeout = 0 }) {
    const options = { signal, timeout };
    return await connectOpened(openPlainWebSocket, urlOf(address), options);
  },
  optionsFor: (_, { timeout }) => ({ timeout }),
  failure: connectFailure,
};

/** @throws {TransportError} `address-invalid`, if it is no WebSocket URL */
function urlOf(address: unknown): string {
  const isText = typeof address === "string" || address instanceof URL;
  const url = isText ? String(address) : "an object";
  if (/^wss?:/i.test(url)) return url;
  throw new TransportError(
    `Cannot connect to ${url}: it must be a 'ws://' or 'wss://' URL, or a connector`,
    { code: "address-invalid", address: url },
  );
}
