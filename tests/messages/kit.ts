/**
 * What the tests of clients and servers share.
 *
 * @module
 */
import {
  CallError,
  SessionError,
} from "../../lib/messages/errors/call_error.ts";
import type { Incident } from "../../lib/messages/connection/session_options.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import {
  memoryPair,
  type MemoryPairOptions,
} from "../../lib/transport/memory/memory_pair.ts";

/** The client's end of a pair in memory, of which the server has the other. */
export function dial(
  server: { accept(connection: Connection): Promise<void> },
  options?: MemoryPairOptions,
): Connection {
  const [near, far] = memoryPair(options);
  server.accept(far);
  return near;
}

/** Collects what is reported; a test that expects nothing looks that it is empty. */
export function incidents(): {
  readonly list: Incident[];
  readonly onError: (incident: Incident) => void;
} {
  const list: Incident[] = [];
  return { list, onError: (incident) => void list.push(incident) };
}

/** What a call failed with. */
export async function failureOf(
  call: PromiseLike<unknown>,
): Promise<CallError> {
  const error = await thrownBy(call);
  if (error instanceof CallError) return error;
  throw new Error("It failed with something else", { cause: error });
}

/** What a connection failed with. */
export async function endOf(call: PromiseLike<unknown>): Promise<SessionError> {
  const error = await thrownBy(call);
  if (error instanceof SessionError) return error;
  throw new Error("It failed with something else", { cause: error });
}

/** Whatever was thrown. */
export async function thrownBy(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("It should have failed");
}

/** All items of a stream. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Settles when the signal fires, with its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), {
      once: true,
    });
  });
}

/** Gives other tasks a turn, so often. */
export async function turns(count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
