/**
 * The listeners of a platform as sources of connections.
 *
 * @module
 */
import type { SocketAddress } from "./connection.ts";
import type { PlatformListener } from "./platform.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";
import type { AcceptSource } from "./socket_listener_impl.ts";

/**
 * Returns the source of a listener that accepts a platform's connections.
 *
 * @param listener the listening socket
 * @param addr the address to report
 */
export function acceptFrom(
  listener: PlatformListener,
  addr: SocketAddress = listener.addr,
): AcceptSource {
  return {
    addr,
    accept: async (options) =>
      new SocketConnectionImpl(await listener.accept(), options),
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}
