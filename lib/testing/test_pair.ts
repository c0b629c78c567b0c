/**
 * A server and a client over memory, for tests of handlers.
 *
 * @module
 */
import { withoutHandlers } from "../messages/support/thenable.ts";
import { connect, type ConnectOptions } from "../messages/client/connect.ts";
import type { ClientSession } from "../messages/client/client_session.ts";
import type { AnyProtocol } from "../messages/protocol/protocol_types.ts";
import {
  checkOptions,
  type OptionNames,
} from "../messages/support/check_options.ts";
import { createServer } from "../messages/server/server.ts";
import type {
  Server,
  ServerOptions,
  ServerSetup,
} from "../messages/server/server_types.ts";
import type { Connection } from "../transport/connection.ts";
import {
  memoryPair,
  type MemoryPairOptions,
} from "../transport/memory/memory_pair.ts";

/**
 * Options for {@linkcode testPair}.
 *
 * @typeParam P the protocol
 * @typeParam Auth the result of `authenticate`
 * @typeParam State the result of `state`
 *
 * @category Pairs
 */
export interface TestPairOptions<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> {
  /** Options for the server, as for `createServer()`. */
  server?: ServerOptions<P, Auth, State> | undefined;
  /** Options for the client, as for `connect()`, including its handlers. */
  client?: ConnectOptions<P> | undefined;
  /** Latency, chunk size, capacity and faults of the connection. */
  connection?: MemoryPairOptions | undefined;
}

const PAIR_OPTIONS: OptionNames<TestPairOptions<AnyProtocol>> = {
  server: true,
  client: true,
  connection: true,
};

/**
 * A server and a connected client.
 *
 * Disposing the pair closes the session, then the server.
 *
 * @typeParam P the protocol
 * @typeParam Auth the result of `authenticate`
 * @typeParam State the result of `state`
 *
 * @category Pairs
 */
export interface TestPair<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> extends AsyncDisposable {
  /** The server, which does not listen on an address. */
  readonly server: Server<P, Auth, State>;
  /** The client's session. */
  readonly session: ClientSession<P>;
}

/** `connect` with optional options: `testPair` requires them where `connect` does. */
const connectTo = connect as <P extends AnyProtocol>(
  protocol: P,
  connection: Connection,
  options?: ConnectOptions<P>,
) => Promise<ClientSession<P>>; // a conditional parameter list cannot be inferred for a generic P

/**
 * Connects a client to a server in memory.
 *
 * It opens no listener and needs no permission.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam Auth type of what `authenticate` returns
 * @typeParam State type of what `state` returns
 * @param protocol the protocol of both ends
 * @param options options for the server, the client and the connection; if the
 * server calls its clients, `client.handlers` is required
 * @returns an object whose `handle()` takes the server's handlers and resolves
 * to the pair; it rejects with a `TypeError` if a handler is missing, a function
 * matches no method, or an option is unknown
 * @throws {RangeError} if a limit or option is out of range
 * @throws {SessionError} if the server rejects the client
 *
 * @example Call a handler in a test
 * ```ts
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import { testPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, number>() },
 * });
 *
 * await using pair = await testPair(Shop).handle({
 *   price: ({ sku }) => sku.length * 100,
 * });
 * assertEquals(await pair.session.remote.price({ sku: "A-1" }), 300);
 * ```
 *
 * @category Pairs
 */
export function testPair<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
>(
  protocol: P,
  options: TestPairOptions<NoInfer<P>, Auth, State> & {
    client: ConnectOptions<NoInfer<P>>;
  },
): ServerSetup<P, Auth, State, Promise<TestPair<P, Auth, State>>>;
/**
 * Connects a client to a server in memory; the server calls no methods of it.
 *
 * It opens no listener and needs no permission.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam Auth type of what `authenticate` returns
 * @typeParam State type of what `state` returns
 * @param protocol the protocol of both ends, which has no client side
 * @param options options for the server, the client and the connection
 * @returns an object whose `handle()` takes the server's handlers and resolves
 * to the pair; it rejects with a `TypeError` if a handler is missing, a function
 * matches no method, or an option is unknown
 * @throws {RangeError} if a limit or option is out of range
 * @throws {SessionError} if the server rejects the client
 *
 * @category Pairs
 */
export function testPair<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
>(
  // One list of parameters with a conditional type would not infer `Auth`.
  protocol: [keyof P["client"]] extends [never] ? P
    : "this protocol has a client side: pass { client: { handlers } }",
  options?: TestPairOptions<NoInfer<P>, Auth, State>,
): ServerSetup<P, Auth, State, Promise<TestPair<P, Auth, State>>>;
export function testPair<P extends AnyProtocol, Auth, State>(
  protocol: P,
  chosen: TestPairOptions<P, Auth, State> = {},
): ServerSetup<P, Auth, State, Promise<TestPair<P, Auth, State>>> {
  return withoutHandlers("testPair()", {
    async handle(handlers) {
      checkOptions("testPair()", chosen, PAIR_OPTIONS);
      const server = createServer(protocol, chosen.server).handle(handlers);
      const [near, far] = memoryPair(chosen.connection);
      server.accept(far);
      try {
        const session = await connectTo(protocol, near, chosen.client);
        return {
          server,
          session,
          async [Symbol.asyncDispose]() {
            await session[Symbol.asyncDispose]();
            await server[Symbol.asyncDispose]();
          },
        };
      } catch (error) {
        await server[Symbol.asyncDispose]();
        throw error;
      }
    },
  });
}
