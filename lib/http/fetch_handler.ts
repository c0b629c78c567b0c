/**
 * Calls of a server over HTTP.
 *
 * @module
 */
import { connect } from "../messages/client/connect.ts";
import { msgpack } from "../messages/codec/msgpack.ts";
import { CallError } from "../messages/errors/call_error.ts";
import type { CallOptions } from "../messages/protocol/client_types.ts";
import type { MethodDeclaration } from "../messages/protocol/method.ts";
import { notification, unary } from "../messages/protocol/method_builders.ts";
import { buildTree } from "../messages/protocol/method_tree.ts";
import { protocol } from "../messages/protocol/protocol.ts";
import type {
  AnyProtocol,
  BoundMethod,
} from "../messages/protocol/protocol_types.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Connection, SocketAddress } from "../transport/connection.ts";
import type { ConnectionInfo } from "../transport/connection_info.ts";
import { memoryPair } from "../transport/memory/memory_pair.ts";
import { ClientShares, networkOf } from "./client_shares.ts";
import { readBody } from "./request_body.ts";
import {
  codec,
  errorResponse,
  failureResponse,
  outputResponse,
  overloaded,
  unavailable,
} from "./responses.ts";

/** Options for {@linkcode fetchHandler}. */
export interface FetchHandlerOptions {
  /**
   * Path before the name of the method; it begins and ends with `/`.
   *
   * @default {"/"}
   */
  path?: string | undefined;
  /**
   * Maximum size of a request's body in bytes; larger ones receive 413.
   *
   * Bodies that arrive do not count as `memory` of the server: together, they have
   * at most `maxBody` times `maxRequests` bytes, 256 MiB by default.
   *
   * @default {262144}
   */
  maxBody?: number | undefined;
  /**
   * Milliseconds until the body must have arrived; later ones receive 408.
   *
   * @default {30000}
   */
  bodyTimeout?: number | undefined;
  /**
   * Maximum number of requests at a time; further ones receive 503 before their
   * bodies are read. It bounds the memory of bodies, and the sessions that
   * requests take from `maxSessions` of the server.
   *
   * A client receives 429 if it has as many requests as there are free places: one
   * takes at most half of them, the next one half of what is left, and so on.
   *
   * @default {1000}
   */
  maxRequests?: number | undefined;
  /**
   * Returns the name of the client that sent a request.
   *
   * Clients have shares of `maxRequests` by their names; a request without a name
   * (`undefined`) has no share.
   *
   * Name the clients of a proxy by a header that the proxy sets, and never by one
   * that the client chooses.
   *
   * @default the client's address from `info.remoteAddr`, and of an IPv6 address
   * its first 64 bits; without `info`, requests have no shares
   */
  client?:
    | ((request: Request, info: RequestInfo) => string | undefined)
    | undefined;
  /**
   * Returns the credentials that `authenticate` receives. Without this option,
   * it reads headers and cookies from `info.request`.
   */
  credentials?: ((request: Request) => unknown) | undefined;
  /** Returns options for the call, for example its timeout or metadata. */
  callOptions?: ((request: Request) => CallOptions) | undefined;
}

/** Message of the response to a path that names no callable method. */
const NO_METHOD =
  "There is no such unary method or notification; the path ends in its name, with dots for groups, as in orders.create";

const OPTIONS: OptionNames<FetchHandlerOptions> = {
  path: true,
  maxBody: true,
  bodyTimeout: true,
  maxRequests: true,
  client: true,
  credentials: true,
  callOptions: true,
};

/** The part of a server that serves connections. */
export interface AcceptingServer {
  /** Serves a connection that was accepted elsewhere. */
  accept(
    connection: Connection,
    options?: { info?: Partial<ConnectionInfo> | undefined },
  ): Promise<void>;
}

/** Facts about a request, as `Deno.serve` passes them to its handler. */
export interface RequestInfo {
  /** The client's address. */
  readonly remoteAddr?: SocketAddress | undefined;
}

/**
 * Returns an HTTP handler that makes unary calls and sends notifications.
 *
 * It is meant for `curl` and for networks that pass nothing but HTTP; sessions
 * over TCP and WebSocket are faster, and have streams and calls back. A request
 * is `POST <path><method>` with the input as `application/json`; the response has
 * the output as JSON, or status 204 without an output. Each request has a session
 * of its own, so `authenticate`, limits, middleware and observers of the server
 * apply; one of the server's codecs must be `msgpack()` or `json()`. To cancel the calls of aborted requests, pass their signal:
 * `callOptions: (request) => ({ signal: request.signal })`. `Deno.serve` prints a
 * line when it is used first, unless Deno runs with `--unstable-no-legacy-abort`.
 *
 * A failed call has a status by its code, and the body
 * `{ "error": { "code", "message", … } }`: 400 `invalid`, 401 `unauthenticated`,
 * 403 `forbidden`, 404 `unimplemented`, 409 `conflict`, 410 `outcome-lost`,
 * 413 `too-large`, 422 `declared`, 429 `overloaded`, 499 `cancelled`,
 * 503 `unavailable`, 504 `deadline`, and 500 for others. An output that JSON cannot
 * represent, such as a `Date`, has status 500, too.
 *
 * Pages of other sites cannot make calls: browsers ask for permission before they
 * send JSON, and the handler does not grant it.
 *
 * @example
 * ```ts
 * import { createServer, protocol, unary } from "@lengthwise/lengthwise";
 * import { fetchHandler } from "@lengthwise/lengthwise/http";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, { cents: number }>() },
 * });
 * await using server = createServer(Shop).handle({
 *   price: ({ sku }) => ({ cents: sku.length * 100 }),
 * });
 * const handler = fetchHandler(Shop, server, { path: "/api/" });
 * // Deno.serve({ port: 8080 }, handler);
 *
 * const response = await handler(
 *   new Request("http://localhost/api/price", {
 *     method: "POST",
 *     headers: { "content-type": "application/json" },
 *     body: '{"sku":"book"}',
 *   }),
 * );
 * assertEquals(await response.json(), { cents: 400 });
 * ```
 *
 * @param target the protocol of the server
 * @param server the server, from `serve` or `createServer`
 * @param options path, limits, clients, credentials and options of calls
 * @returns a handler for `Deno.serve`, or for any framework that has `Request`
 * @throws {TypeError} if an option is unknown, or the path is not valid
 * @throws {RangeError} if a limit is out of range
 */
export function fetchHandler(
  target: AnyProtocol,
  server: AcceptingServer,
  options: FetchHandlerOptions = {},
): (request: Request, info?: RequestInfo) => Promise<Response> {
  checkOptions("fetchHandler()", options, OPTIONS);
  const { path = "/", maxBody = 262_144, bodyTimeout = 30_000 } = options;
  const { maxRequests = 1_000, client = clientOf } = options;
  if (!path.startsWith("/") || !path.endsWith("/")) {
    throw new TypeError(
      `Cannot use the path ${
        JSON.stringify(path)
      } of fetchHandler(): it must begin and end with "/"`,
    );
  }
  checkLimit("maxBody", maxBody);
  checkLimit("bodyTimeout", bodyTimeout);
  checkLimit("maxRequests", maxRequests);
  const part = callablePart(target);
  const names = new Set(part.methods.server.map(({ name }) => name));
  const shares = new ClientShares(maxRequests);
  return async (request, info = {}) => {
    const url = URL.parse(request.url); // Deno.serve passes any `Host` on
    if (url === null) {
      return errorResponse(400, "invalid", "The URL is not valid");
    }
    const { pathname } = url;
    const method = pathname.startsWith(path)
      ? decoded(pathname.slice(path.length))
      : "";
    if (!names.has(method)) {
      return errorResponse(404, "unimplemented", NO_METHOD);
    }
    const refused = refusalOf(request);
    if (refused !== undefined) return refused;
    const name = client(request, info);
    const begun = shares.begin(name);
    if (begun === "full") {
      return unavailable("The server handles as many requests as it may");
    }
    if (begun === "client-full") {
      return overloaded("The client has as many requests as it may");
    }
    try {
      const body = await readBody(request, { maxBody, bodyTimeout });
      if (body === 413) {
        return errorResponse(
          413,
          "too-large",
          `The body exceeds ${maxBody} bytes`,
        );
      }
      if (body === 408) {
        return errorResponse(
          408,
          "deadline",
          "The body did not arrive in time",
        );
      }
      if (body === 499) {
        return errorResponse(499, "cancelled", "The body was cut off");
      }
      const input = codec.decode(body);
      const one = { request, info, options, method, input };
      return outputResponse(await call(server, part, one));
    } catch (error) {
      return failureResponse(error);
    } finally {
      shares.end(name);
    }
  };
}

/** Returns the address of a client without its port. */
function clientOf(_: Request, { remoteAddr }: RequestInfo): string | undefined {
  const { hostname } = remoteAddr ?? {};
  return hostname === undefined ? undefined : networkOf(hostname);
}

/** Returns the response to a request that is not a call. */
function refusalOf(request: Request): Response | undefined {
  if (request.method !== "POST") {
    const response = errorResponse(405, "invalid", "A call is a POST request");
    response.headers.set("allow", "POST");
    return response;
  }
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return errorResponse(
      415,
      "invalid",
      "The content type must be application/json",
    );
  }
  const coding = request.headers.get("content-encoding") ?? "identity";
  if (/^identity$/i.test(coding)) return undefined;
  const response = errorResponse(
    415,
    "invalid",
    "The body must not be compressed",
  );
  response.headers.set("accept-encoding", "identity"); // RFC 9110, 12.5.3
  return response;
}

/** Codecs of the sessions; a server may have either. */
const CODECS = [msgpack(), codec] as const;

/** One call over HTTP. */
interface HttpCall {
  readonly request: Request;
  readonly info: RequestInfo;
  readonly options: FetchHandlerOptions;
  /** Dotted name of the method. */
  readonly method: string;
  readonly input: unknown;
}

/**
 * Returns the unary methods and notifications of a protocol, without schemas.
 *
 * The server checks inputs and outputs; here, they stay JSON.
 */
function callablePart({ name, methods }: AnyProtocol): AnyProtocol {
  const callable = methods.server.filter(({ shape }) =>
    shape === "unary" || shape === "notification"
  );
  return protocol({
    name,
    server: buildTree<BoundMethod, MethodDeclaration>(
      callable,
      ({ shape, method: { timeout, once } }) => {
        if (shape === "notification") return notification<unknown>();
        const limit = timeout === undefined ? {} : { timeout };
        return once === true
          ? unary<unknown, unknown>({ ...limit, once })
          : unary<unknown, unknown>(limit);
      },
    ),
  });
}

/** Makes a call in a session of its own. */
async function call(
  server: AcceptingServer,
  part: AnyProtocol,
  { request, info, options, method, input }: HttpCall,
): Promise<unknown> {
  // First, as these functions may throw.
  const callOptions = options.callOptions?.(request) ?? {};
  const credentials = options.credentials?.(request);
  const { remoteAddr } = info;
  const [client, accepted] = memoryPair();
  void server.accept(accepted, {
    info: { request, ...(remoteAddr !== undefined && { remoteAddr }) },
  });
  const session = await connect(part, client, {
    codecs: CODECS,
    credentials,
  });
  try {
    return await functionOf(session.remote, method)(input, callOptions);
  } catch (error) {
    if (!callOptions.signal?.aborted) throw error;
    throw new CallError("The request was aborted", { code: "cancelled" });
  } finally {
    await session.close();
  }
}

/** Returns the function of a remote that calls a method. */
function functionOf(
  remote: object,
  method: string,
): (input: unknown, options: CallOptions) => Promise<unknown> {
  let member: unknown = remote;
  for (const part of method.split(".")) {
    member = Reflect.get(member as object, part); // the protocol has the method
  }
  // Unary methods and notifications without types take any input.
  return member as ReturnType<typeof functionOf>;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return ""; // no method has this name
  }
}

function checkLimit(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= 2 ** 31 - 1) return;
  throw new RangeError(
    `Cannot use the option "${name}" of fetchHandler(): it must be an integer from 1 to 2,147,483,647: current value is ${value}`,
  );
}
