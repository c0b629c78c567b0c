/**
 * Clients for browsers.
 *
 * @module
 */
import { type Client, startClient } from "../messages/client/client.ts";
import type { ClientContext } from "../messages/client/client_session.ts";
import type { ClientAddress, Connector } from "../messages/client/connector.ts";
import type { ClientBaseOptions } from "../messages/client/create_client_options.ts";
import { WEB_SOCKET_TRANSPORT } from "../messages/client/websocket_transport.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";
import type { SessionPlugins } from "../messages/connection/session_plugins.ts";
import type {
  AnyProtocol,
  Handlers,
} from "../messages/protocol/protocol_types.ts";
import { describeType } from "../support/describe_type.ts";
import { checkMembers } from "../support/check_options.ts";
import type { BrowserPlugins } from "./plugins.ts";

/**
 * Options for {@linkcode createClient}, except for the handlers.
 *
 * They are those of the client of the main entry, with these differences.
 *
 * @typeParam P the protocol
 *
 * @category Clients
 */
export interface BrowserClientBaseOptions<P extends AnyProtocol>
  extends Omit<ClientBaseOptions<P>, "codecs" | "transport"> {
  /** Codecs for message bodies, in order of preference; there is no default. */
  codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** Optional parts of the client. @default {{}} */
  plugins?: BrowserPlugins | undefined;
  /** Options for the transport. */
  transport?: {
    /** Milliseconds to connect. @default {10000; 3000 if there are several addresses} */
    timeout?: number | undefined;
  } | undefined;
}

/**
 * Options for {@linkcode createClient}. `handlers` is required if the protocol
 * has a client side.
 *
 * @typeParam P the protocol
 *
 * @category Clients
 */
export type BrowserClientOptions<P extends AnyProtocol> =
  [keyof P["client"]] extends [never]
    ? BrowserClientBaseOptions<P> & { handlers?: never }
    : BrowserClientBaseOptions<P> & {
      /** A function for each method of the protocol's client side. */
      handlers: Handlers<P, "client", ClientContext<P>>;
    };

const PLUGINS: Readonly<Record<keyof BrowserPlugins, true>> = {
  serving: true,
  resumption: true,
  once: true,
  observing: true,
};

/**
 * Creates a client that connects again whenever its session ends.
 *
 * It differs from `createClient()` of the main entry in three ways: its addresses
 * are WebSocket URLs and connectors only, it has no default codec, and its
 * plugins are passed in.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @param protocol the protocol that both sides share
 * @param addresses the server's address, or the addresses of several equal servers
 * @param options codecs, plugins and more
 * @returns the client, which connects in the background
 * @throws {TypeError} if a handler, a codec or a plugin is missing, or an option is
 * unknown or has the wrong type
 * @throws {RangeError} if an option is out of range, or there is no address
 * @throws {TransportError} `address-invalid`, if a text is not a WebSocket URL
 *
 * @example A page in another thread, called through a port
 * ```ts
 * import { createClient, messagePortConnection, protocol, unary } from "@lengthwise/lengthwise/browser";
 * import { json } from "@lengthwise/lengthwise/json";
 * import { createServer } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const { port1, port2 } = new MessageChannel();
 * await using server = createServer(Shop, { codecs: [json()] }).handle({
 *   price: (sku) => sku.length * 100,
 * });
 * server.accept(messagePortConnection(port2)); // usually in a worker
 *
 * await using client = createClient(Shop, {
 *   name: "worker",
 *   connect: () => Promise.resolve(messagePortConnection(port1)),
 * }, { codecs: [json()] });
 * assertEquals(await client.remote.price("A-1"), 300);
 * ```
 *
 * @category Clients
 */
export function createClient<P extends AnyProtocol>(
  protocol: P,
  addresses: string | URL | Connector | readonly (string | URL | Connector)[],
  options: BrowserClientOptions<P>,
): Client<P> {
  const { plugins = {}, ...others }: BrowserClientBaseOptions<P> = options;
  const list: readonly ClientAddress[] = isList(addresses)
    ? addresses
    : [addresses];
  const transport = WEB_SOCKET_TRANSPORT;
  return startClient(protocol, list, others, {
    transport,
    plugins: sessionPlugins(plugins),
  });
}

/** @throws {TypeError} if a plugin is unknown, or has the place of another */
function sessionPlugins(plugins: BrowserPlugins): SessionPlugins {
  checkMembers('the option "plugins" of createClient()', plugins, PLUGINS);
  for (const [name, plugin] of Object.entries(plugins)) {
    if (plugin === undefined || plugin?.name === name) continue;
    throw new TypeError(
      `Cannot use ${
        describeType(plugin)
      } as the plugin "${name}": expected the export of this name`,
    );
  }
  return plugins as SessionPlugins; // the exports are the only plugins with these names
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
