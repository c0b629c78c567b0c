/**
 * Clients over all transports.
 *
 * @module
 */
import type { ConnectAddress } from "../../transport/connect.ts";
import { ALL_PLUGINS } from "../connection/all_plugins.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import { ANY_TRANSPORT } from "./any_transport.ts";
import { type Client, startClient } from "./client.ts";
import type { Connector } from "./connector.ts";
import type { CreateClientOptions } from "./create_client_options.ts";

export type { Client };

/**
 * Creates a client that connects again whenever its session ends.
 *
 * Calls that are made while there is no session wait for one. A call that failed
 * is sent again if that is safe: if it was never sent, if the server refused it
 * before its handler, or if its method is `idempotent` or `once`.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @param protocol the protocol that both sides share
 * @param addresses the server's address, or the addresses of several equal
 * servers; a connector counts as an address
 * @param options handlers for the methods that the server may call, credentials,
 * limits and more; may be omitted if the protocol has no client side
 * @returns the client, which connects in the background
 * @throws {TypeError} if a handler is missing, a function matches no method, or
 * an option is unknown or has the wrong type
 * @throws {RangeError} if an option is out of range, or there is no address
 * @throws {TransportError} `address-invalid`, if a text is not an address
 *
 * @example
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<string, number>({ idempotent: true }) },
 * });
 * await using server = await serve(Shop, { port: 0 }).handle({
 *   price: (sku) => sku.length * 100,
 * });
 *
 * await using client = createClient(Shop, server.addr);
 * assertEquals(await client.remote.price("A-1"), 300); // also after a restart
 * ```
 *
 * @category Clients
 */
export function createClient<P extends AnyProtocol>(
  protocol: P,
  addresses:
    | ConnectAddress
    | Connector
    | readonly (ConnectAddress | Connector)[],
  ...[options]: [keyof P["client"]] extends [never]
    ? [options?: CreateClientOptions<P>]
    : [options: CreateClientOptions<P>]
): Client<P> {
  return startClient(protocol, addresses, options ?? {}, {
    transport: ANY_TRANSPORT,
    plugins: ALL_PLUGINS,
  });
}
