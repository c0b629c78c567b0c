/**
 * A server that a gateway forwards to: its sessions, and their methods.
 *
 * @module
 */
import { CallError } from "../messages/errors/call_error.ts";
import { passOn } from "../messages/errors/passed_on.ts";
import type { Client } from "../messages/client/client.ts";
import type { ClientSession } from "../messages/client/client_session.ts";
import type { CallOptions } from "../messages/protocol/client_types.ts";
import type {
  AnyProtocol,
  BoundMethod,
} from "../messages/protocol/protocol_types.ts";

/** Calls a method with a raw input or with raw items. */
export type RawMethod = (input: unknown, options: CallOptions) => unknown;

type Methods = ReadonlyMap<string, RawMethod>;

/** The sessions of one upstream. */
export class Upstream {
  readonly #client: Client<AnyProtocol>;
  readonly #methods: readonly BoundMethod[];
  readonly #wait: number;
  readonly #instance: () => string;
  /** Methods of the sessions, by name. */
  readonly #bySession: WeakMap<ClientSession<AnyProtocol>, Methods> =
    new WeakMap();

  /**
   * @param client the client of the server
   * @param methods the methods of the server
   * @param wait milliseconds that a call may wait for a session
   * @param instance returns the id of the gateway's own server
   */
  constructor(
    client: Client<AnyProtocol>,
    methods: readonly BoundMethod[],
    wait: number,
    instance: () => string,
  ) {
    this.#instance = instance;
    this.#client = client;
    this.#methods = methods;
    this.#wait = wait;
  }

  /**
   * Returns a method of a session, if there is one.
   *
   * Calls are made through a session and not through the client, because the
   * client would send some of them again: only the caller does that.
   *
   * @throws {CallError} `unavailable`, if the server is the gateway itself
   */
  method(name: string): RawMethod | undefined {
    const { session } = this.#client;
    if (session === undefined) return undefined;
    let methods = this.#bySession.get(session);
    if (methods === undefined) {
      if (session.instance === this.#instance()) throw ownServer(name);
      methods = methodsOf(session.remote, this.#methods);
      this.#bySession.set(session, methods);
    }
    return methods.get(name);
  }

  /**
   * Waits for a session.
   *
   * @throws {CallError} `unavailable`, if none was opened in time
   * @throws the reason of the signal
   */
  async methodLater(name: string, signal: AbortSignal): Promise<RawMethod> {
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    const late = () =>
      reject(
        unavailable(name, `no session was open within ${this.#wait} ms`),
      );
    const timer = setTimeout(late, this.#wait);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      await Promise.race([this.#client.ready(), promise]);
    } catch (error) {
      if (signal.aborted || !(error instanceof CallError)) throw error;
      throw unavailable(name, error.message);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
    const method = this.method(name);
    if (method === undefined) throw unavailable(name, "the session has ended");
    return method;
  }
}

function unavailable(method: string, why: string): CallError {
  return passOn(
    new CallError(`${method}: the upstream is not available: ${why}`, {
      code: "unavailable",
      processed: "no",
      retry: "later",
    }),
  );
}

function ownServer(method: string): CallError {
  return passOn(
    new CallError(`${method}: the gateway forwards to itself`, {
      code: "unavailable",
      processed: "no",
      retry: "never",
    }),
  );
}

/** Returns the functions of nested groups by their dotted names. */
function methodsOf(remote: object, methods: readonly BoundMethod[]): Methods {
  return new Map(methods.map(({ name }) => {
    const leaf = name.split(".").reduce(
      (group: unknown, part) => Reflect.get(Object(group), part),
      remote,
    );
    return [name, leaf as RawMethod]; // the remote has the methods of the protocol
  }));
}
