/**
 * Clients over all transports.
 *
 * @module
 */
import type { ConnectAddress } from "../../transport/connect.ts";
import { ALL_PLUGINS } from "../connection/all_plugins.ts";
import { describeType } from "../../support/describe_type.ts";
import { randomId } from "../support/random_id.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import { ANY_TRANSPORT } from "./any_transport.ts";
import { type Client, listedAddresses, startClient } from "./client.ts";
import { endpointName } from "./client_transport.ts";
import type { ClientAddress, Connector } from "./connector.ts";
import type { BalancePolicy, UsablePolicy } from "./balance_policy.ts";
import type { CreateClientOptions } from "./create_client_options.ts";
import {
  chooseEndpoints,
  emptyList,
  replaceAddresses,
  watchEndpoints,
} from "./endpoint_source.ts";

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
 * servers; a connector counts as an address. A function returns lists that
 * replace each other, such as `dns()` of `@lengthwise/lengthwise/dns`: sessions at
 * addresses that leave the list drain, and their clients lose no call
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
    | readonly (ConnectAddress | Connector)[]
    | ((
      signal: AbortSignal,
    ) => AsyncIterable<readonly (ConnectAddress | Connector)[]>),
  ...options: [keyof P["client"]] extends [never]
    ? [options?: CreateClientOptions<P>]
    : [options: CreateClientOptions<P>]
): Client<P> {
  const given: CreateClientOptions<P> | Record<never, never> = options[0] ?? {};
  const { shuffle, subset = Infinity, balance, ...others }: EndpointOptions =
    given;
  const changes = typeof addresses === "function";
  checkChoice(shuffle, subset);
  const choice = { shuffle: shuffle ?? changes, subset, id: randomId() };
  const choose = (list: readonly ClientAddress[]) =>
    chooseEndpoints(
      list,
      choice,
      (address) => endpointName(address, ANY_TRANSPORT),
      Math.random,
    );
  const parts = {
    transport: ANY_TRANSPORT,
    plugins: ALL_PLUGINS,
    balance: balance === undefined ? undefined : startOf(balance, others),
  };
  if (!changes) {
    const list = isList(addresses) ? addresses : [addresses];
    const chooses = choice.shuffle || subset !== Infinity;
    return startClient(protocol, chooses ? choose(list) : list, others, parts);
  }
  return startClient(protocol, [], others, {
    ...parts,
    watch(client, choice, options) {
      const controller = new AbortController();
      void watchEndpoints(addresses, {
        failed: (error) => client.lastFailure = error,
        signal: controller.signal,
        update(list) {
          const chosen = choose(list);
          const listed = listedAddresses(chosen, ANY_TRANSPORT, options);
          if (listed.length === 0) client.lastFailure = emptyList();
          else if (client.addresses.size === 0) client.lastFailure = undefined;
          replaceAddresses(client.addresses, listed);
          for (const slot of choice.slots) slot.onAddressesChanged();
          choice.onChanged?.();
        },
      });
      return () => controller.abort();
    },
  });
}

/** The options that concern lists of addresses. */
type EndpointOptions = Pick<
  CreateClientOptions<AnyProtocol>,
  "shuffle" | "subset" | "balance"
>;

/** @throws an error if an option has no meaning */
function checkChoice(shuffle: unknown, subset: number): void {
  if (shuffle !== undefined && typeof shuffle !== "boolean") {
    throw new TypeError(
      `Cannot use ${
        describeType(shuffle)
      } as the option "shuffle" of createClient(): it must be true, false or omitted`,
    );
  }
  if (subset === Infinity || Number.isInteger(subset) && subset >= 1) return;
  throw new RangeError(
    `Cannot create a client with a subset of ${subset}: it must be an integer of at least 1`,
  );
}

function isList(
  addresses: ClientAddress | readonly ClientAddress[],
): addresses is readonly ClientAddress[] {
  return Array.isArray(addresses);
}

/**
 * Returns what starts a policy.
 *
 * @throws {TypeError} if it is not a policy, or another option contradicts it
 */
function startOf(
  policy: BalancePolicy,
  { connections }: { readonly connections?: number },
): UsablePolicy["start"] {
  // A JavaScript program may pass anything.
  const { start }: Partial<UsablePolicy> = Object(policy);
  if (typeof start !== "function") {
    throw new TypeError(
      `Cannot use ${
        describeType(policy)
      } as the option "balance" of createClient(): expected a policy, such as roundRobin()`,
    );
  }
  if (connections === undefined) return start;
  throw new TypeError(
    'Cannot use the option "connections" of createClient() with a policy: it opens one session for each address; omit the option',
  );
}
