/**
 * NATS: topics, broadcasts and sessions over the servers of many processes.
 *
 * {@linkcode natsBus} makes a NATS connection the bus of a server,
 * {@linkcode natsListener} and {@linkcode natsAddress} carry sessions over NATS, and
 * {@linkcode natsService} registers a server for the tools of NATS. The connection is
 * yours: this library adds no dependency.
 *
 * @example A server of several
 * ```ts ignore
 * import { connect as connectNats } from "@nats-io/transport-node";
 * import { serve } from "@lengthwise/lengthwise";
 * import { natsBus } from "@lengthwise/lengthwise/nats";
 *
 * const nats = await connectNats({
 *   servers: "127.0.0.1:4222",
 *   maxReconnectAttempts: -1,
 *   pingInterval: 20_000,
 * });
 * const server = await serve(Chat, { port: 7000 }, { bus: natsBus(nats) })
 *   .handle(handlers);
 * ```
 *
 * The [guide](/lib/nats/README.md) explains what is guaranteed, and what may be
 * lost.
 *
 * @module
 */
export {
  type NatsAddress,
  natsAddress,
  type NatsAddressOptions,
} from "./nats_address.ts";
export { natsBus, type NatsBusOptions } from "./nats_bus.ts";
export { natsListener, type NatsListenerOptions } from "./nats_listener.ts";
export type { NatsStreamOptions } from "./stream_options.ts";
export {
  type NatsKv,
  type NatsKvEntry,
  natsOnceStore,
  type NatsOnceStoreOptions,
} from "./nats_once_store.ts";
export {
  natsService,
  type NatsServiceOptions,
  type ReportedServer,
} from "./nats_service.ts";
export type {
  NatsConnection,
  NatsMessage,
  NatsSubscription,
  NatsSubscriptionOptions,
} from "./nats_connection.ts";
