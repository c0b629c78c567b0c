/**
 * The addresses of the servers that sessions are forwarded to.
 *
 * @module
 */
import {
  connect,
  type ConnectAddress,
  type ConnectOptions,
  optionsFor,
} from "../transport/connect.ts";
import type { Connection } from "../transport/connection.ts";
import { ANY_TRANSPORT } from "../messages/client/any_transport.ts";
import { listedAddresses } from "../messages/client/client.ts";
import {
  checkUnusedTransport,
  type Connector,
  isConnector,
} from "../messages/client/connector.ts";
import {
  emptyList,
  watchEndpoints,
} from "../messages/client/endpoint_source.ts";
import { pause } from "../messages/support/keep_alive.ts";
import type { UpstreamAddress } from "./forward.ts";

/** Address of one server. */
export type Address = ConnectAddress | Connector;

/** Milliseconds between two rounds of attempts. */
const PAUSE = 100;

/** A connection, and the address that it was made to. */
export interface Reached {
  /** The connection. */
  readonly connection: Connection;
  /** The address. */
  readonly address: Address;
}

/** Equal servers, which take turns. */
export class ServerAddresses {
  #addresses: readonly Address[] = [];
  readonly #options: ConnectOptions;
  #next = 0;
  readonly #ended: AbortController = new AbortController();

  /**
   * @param given the addresses
   * @param options options of the connections
   * @param failed called when a source of addresses has failed
   * @throws {RangeError} if there is no address, or an option is out of range
   * @throws {TransportError} `address-invalid`, if a text is not an address
   * @throws {TypeError} if an address is not valid, or an option has no effect
   */
  constructor(
    given: UpstreamAddress,
    options: ConnectOptions,
    failed: (error: unknown) => void,
  ) {
    this.#options = options;
    if (typeof given === "function") {
      const update = (list: readonly Address[]) => {
        listedAddresses(list, ANY_TRANSPORT, options);
        this.#addresses = [...list];
      };
      const { signal } = this.#ended;
      void watchEndpoints(given, { update, failed, signal });
      return;
    }
    const list = isList(given) ? [...given] : [given];
    if (list.length === 0) {
      throw new RangeError("Cannot forward sessions without an address");
    }
    checkUnusedTransport("forwardSessions()", list, options, false);
    listedAddresses(list, ANY_TRANSPORT, options);
    this.#addresses = list;
  }

  /** Reads no more lists of addresses. */
  close(): void {
    this.#ended.abort();
  }

  /**
   * Connects to the next server.
   *
   * @param first an address to try first
   * @throws the error of the last attempt, when the signal is aborted
   */
  async reach(
    first: Address | undefined,
    signal: AbortSignal,
  ): Promise<Reached> {
    let last: unknown = signal.reason;
    while (!signal.aborted) {
      const turn = this.#turn(first);
      if (turn.length === 0) last = emptyList();
      for (const address of turn) {
        try {
          const connection = await (isConnector(address)
            ? address.connect(signal)
            : connect(address, {
              ...optionsFor(address, this.#options),
              signal,
            }));
          return { connection, address };
        } catch (error) {
          if (signal.aborted) break;
          last = error;
        }
      }
      await pause(PAUSE, signal);
    }
    throw last ?? signal.reason;
  }

  /** Returns the addresses, the next one first. */
  #turn(first: Address | undefined): Address[] {
    const list = this.#addresses;
    const at = list.length === 0 ? 0 : this.#next++ % list.length;
    const turn = [...list.slice(at), ...list.slice(0, at)];
    return first === undefined ? turn : [first, ...turn];
  }
}

function isList(
  given: Exclude<UpstreamAddress, (...args: never) => unknown>,
): given is readonly Address[] {
  return Array.isArray(given);
}
