/**
 * Buses: topics and broadcasts over several servers.
 *
 * The option `bus` of `serve()` and `createServer()` joins servers: messages of
 * their topics and broadcasts reach the clients of all of them.
 * {@linkcode broadcastChannelBus} joins the threads of one process, `natsBus()` of
 * `@lengthwise/lengthwise/nats` joins processes, and {@linkcode memoryBus} is
 * for tests.
 *
 * @example Two servers with one topic
 * ```ts
 * import { connect, notification, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { memoryBus } from "@lengthwise/lengthwise/bus";
 * import { assertEquals } from "@std/assert";
 *
 * const Chat = protocol({
 *   name: "chat",
 *   server: { join: unary<string, void>() },
 *   client: { said: notification<string>() },
 * });
 * const bus = memoryBus();
 * const start = () =>
 *   serve(Chat, { port: 0 }, { bus: bus.join() }).handle({
 *     async join(room, { session }) {
 *       await session.server.topic(room).subscribe(session).ready;
 *     },
 *   });
 * await using near = await start();
 * await using far = await start();
 *
 * const { promise, resolve } = Promise.withResolvers<string>();
 * await using session = await connect(Chat, far.addr, {
 *   handlers: { said: resolve },
 * });
 * await session.remote.join("lobby");
 * near.topic("lobby").publish.said("hello");
 * assertEquals(await promise, "hello");
 * ```
 *
 * [Messages](/lib/messages/README.md) explains what is guaranteed, and what may
 * be lost.
 *
 * @module
 */
export type {
  Bus,
  BusHistory,
  BusStatus,
  BusSubscription,
  StoredMessage,
  TopicSubscription,
} from "./bus.ts";
export {
  type BroadcastChannelBus,
  broadcastChannelBus,
  type BroadcastChannelBusOptions,
} from "./broadcast_channel_bus.ts";
export {
  type MemoryBus,
  memoryBus,
  type MemoryBusOptions,
} from "./memory_bus.ts";
export type { BusFigures, BusGap, BusOptions } from "./bus_member.ts";
