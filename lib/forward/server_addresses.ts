/**
 * The addresses of the servers that sessions are forwarded to.
 *
 * @module
 */
import {
  connect,
  type ConnectAddress,
  type ConnectOptions,
} from "../transport/connect.ts";
import type { Connection } from "../transport/connection.ts";
import { type Connector, isConnector } from "../messages/client/connector.ts";
import { watchEndpoints } from "../messages/client/endpoint_source.ts";
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
  #next = 0;
  readonly #ended: AbortController = new AbortController();

  /**
   * @param given the addresses
   * @param failed called when a source of addresses has failed
   */
  constructor(given: UpstreamAddress, failed: (error: unknown) => void) {
    if (typeof given === "function") {
      const update = (list: readonly Address[]) => {
        this.#addresses = [...list];
      };
      const { signal } = this.#ended;
      void watchEndpoints(given, { update, failed, signal });
    } else this.#addresses = isList(given) ? [...given] : [given];
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
    options: ConnectOptions & { readonly signal: AbortSignal },
  ): Promise<Reached> {
    const { signal } = options;
    let last: unknown = signal.reason;
    while (!signal.aborted) {
      for (const address of this.#turn(first)) {
        try {
          const connection = await (isConnector(address)
            ? address.connect(signal)
            : connect(address, options));
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
