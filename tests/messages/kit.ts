/**
 * Helpers for the tests of clients and servers.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  CallError,
  SessionError,
} from "../../lib/messages/errors/call_error.ts";
import { TypedSession } from "../../lib/messages/connection/typed_session.ts";
import type {
  AnyProtocol,
  Side,
} from "../../lib/messages/protocol/protocol_types.ts";
import type { Incident } from "../../lib/messages/connection/session_options.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import {
  memoryPair,
  type MemoryPairOptions,
} from "../../lib/transport/memory/memory_pair.ts";
import { upgradeWebSocket } from "../../lib/transport/websocket/upgrade_websocket.ts";
import { virtualTime } from "../../lib/testing/virtual_time.ts";

/** Connects to a server in memory; returns the client's end. */
export function dial(
  server: { accept(connection: Connection): Promise<void> },
  options?: MemoryPairOptions,
): Connection {
  const [near, far] = memoryPair(options);
  server.accept(far);
  return near;
}

/** A server that is reached over WebSocket. */
export interface OverWebSocket {
  /** The URL to connect to. */
  readonly url: string;
  /** Waits for all connections to close, after the server's end. */
  end(): Promise<void>;
}

/** Serves over WebSocket, on a port of this machine. */
export function serveOverWebSocket(
  server: { accept(connection: Connection): Promise<void> },
): OverWebSocket {
  const accepted: Promise<void>[] = [];
  const local = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const http = Deno.serve(local, (request) => {
    const { response, connection } = upgradeWebSocket(request);
    accepted.push(server.accept(connection));
    return response;
  });
  return {
    url: `ws://127.0.0.1:${http.addr.port}`,
    async end() {
      await Promise.all(accepted);
      await http.shutdown();
    },
  };
}

/** Collects reported incidents. */
export function incidents(): {
  readonly list: Incident[];
  readonly onError: (incident: Incident) => void;
} {
  const list: Incident[] = [];
  return { list, onError: (incident) => void list.push(incident) };
}

/** Returns the error of a failed call. */
export async function failureOf(
  call: PromiseLike<unknown>,
): Promise<CallError> {
  const error = await thrownBy(call);
  if (error instanceof CallError) return error;
  throw new Error("Unexpected kind of error", { cause: error });
}

/** Returns the error of a failed session. */
export async function endOf(call: PromiseLike<unknown>): Promise<SessionError> {
  const error = await thrownBy(call);
  if (error instanceof SessionError) return error;
  throw new Error("Unexpected kind of error", { cause: error });
}

/** Returns the value that a promise rejects with. */
export async function thrownBy(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("Expected a rejection");
}

/** Runs a function; returns the rejections that were unhandled meanwhile. */
export async function unhandledDuring(
  run: () => Promise<void>,
): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reasons.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    await run();
    await turns(20);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
  return reasons;
}

/** Returns all items of a stream. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Resolves with the reason when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), {
      once: true,
    });
  });
}

/**
 * Returns the body of a test in virtual time: timers fire when there is nothing
 * else to do, so the load of the machine changes nothing. For tests without
 * sockets, files or processes.
 */
export function inVirtualTime(body: () => Promise<void>): () => Promise<void> {
  return async () => {
    using time = virtualTime();
    await time.run(body());
  };
}

/** Waits for `count` turns of the event loop. */
export async function turns(count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Number of turns after which {@linkcode until} fails, at least 60 s. */
const MOST_TURNS = 60_000;

/** Waits until a condition holds, and does some work before each next look. */
export async function until(
  condition: () => boolean,
  work: () => PromiseLike<unknown> = turns,
): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === MOST_TURNS) throw new Error(`Waited in vain: ${condition}`);
    await work();
  }
}

/** The implementation of any client's or server's session. */
export type AnyTypedSession = TypedSession<AnyProtocol, Side>;

/** Returns the implementation of a session, for tests that inspect it. */
export function typedSession(session: object): AnyTypedSession {
  assert(session instanceof TypedSession);
  return session;
}
