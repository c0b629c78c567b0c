/**
 * All transports: TCP, TLS, Unix sockets, memory and WebSocket.
 *
 * @module
 */
import { formatAddress, resolveAddress } from "../../transport/address.ts";
import {
  checkOptionsFor,
  connect,
  optionsFor,
} from "../../transport/connect.ts";
import { failure } from "../../transport/error_mapping.ts";
import type { ClientTransport } from "./client_transport.ts";

/** Connects to every kind of address. */
export const ANY_TRANSPORT: ClientTransport = {
  check: checkOptionsFor,
  nameOf(address) {
    const text = typeof address === "string" || address instanceof URL
      ? String(address)
      : "";
    if (/^wss?:/i.test(text)) return text;
    return formatAddress(resolveAddress(address, undefined));
  },
  connect,
  optionsFor,
  failure: (error, address) => failure(error, { verb: "connect to", address }),
};
