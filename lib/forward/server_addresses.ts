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
import type { Hello } from "../messages/session/wire/hello.ts";
import { hashOf } from "../messages/server/session_tokens.ts";
import { pause } from "../messages/support/keep_alive.ts";
import type { UpstreamAddress } from "./forward.ts";

type Address = ConnectAddress | Connector;

/** Milliseconds between two rounds of attempts. */
const PAUSE = 100;

/** Most tokens of sessions that are remembered for one server. */
const MAX_TOKENS = 10_000;

/** A connection, and the address that it was made to. */
export interface Reached {
  /** The connection. */
  readonly connection: Connection;
  /** Remembers the address for the session of a server's HELLO. */
  accepted(hello: Hello): void;
}

/** Equal servers, which take turns. */
export class ServerAddresses {
  #addresses: readonly Address[] = [];
  #next = 0;
  readonly #ended: AbortController = new AbortController();
  /** Addresses that have issued tokens, by the hashes of these. */
  readonly #issuers: Map<string, Address> = new Map();

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
   * Connects to the next server, or to that of a session.
   *
   * @throws the error of the last attempt, when the signal is aborted
   */
  async reach(
    { resume }: Hello,
    options: ConnectOptions & { readonly signal: AbortSignal },
  ): Promise<Reached> {
    const { signal } = options;
    const issuer = resume && this.#issuers.get(hashOf(resume.token));
    let last: unknown = signal.reason;
    while (!signal.aborted) {
      for (const address of this.#turn(issuer)) {
        try {
          const connection = await (isConnector(address)
            ? address.connect(signal)
            : connect(address, options));
          const accepted = (hello: Hello) =>
            this.#accepted(hello, address);
          return { connection, accepted };
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
  #turn(issuer: Address | undefined): Address[] {
    const list = this.#addresses;
    const at = list.length === 0 ? 0 : this.#next++ % list.length;
    const turn = [...list.slice(at), ...list.slice(0, at)];
    return issuer === undefined ? turn : [issuer, ...turn];
  }

  #accepted({ token }: Hello, address: Address): void {
    if (token === undefined) return;
    const hash = hashOf(token.secret);
    if (this.#issuers.size >= MAX_TOKENS) {
      const [oldest] = this.#issuers.keys();
      if (oldest !== undefined) this.#issuers.delete(oldest);
    }
    this.#issuers.set(hash, address);
  }
}

function isList(
  given: Exclude<UpstreamAddress, (...args: never) => unknown>,
): given is readonly Address[] {
  return Array.isArray(given);
}
