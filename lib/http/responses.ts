/**
 * HTTP responses with the output or the error of a call.
 *
 * @module
 */
import { CodecError } from "../messages/codec/errors.ts";
import { json } from "../messages/codec/json.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";
import { CallError, SessionError } from "../messages/errors/call_error.ts";
import { STATUS } from "./status.ts";

/** The codec of the bodies of requests and responses. */
export const codec: MessageCodec = json();

/**
 * Returns the response with an output.
 *
 * @param output the output; `undefined` has status 204 and no body
 */
export function outputResponse(output: unknown): Response {
  if (output === undefined) return new Response(null, { status: 204 });
  try {
    return jsonResponse(200, codec.encode(output));
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    // The request is not at fault: the output is one for sessions only.
    return errorResponse(500, "internal", error.message, { processed: "yes" });
  }
}

/**
 * Returns the response to a failed call.
 *
 * @throws the error, if it is neither the call's nor the input's
 */
export function failureResponse(error: unknown): Response {
  if (error instanceof CallError) {
    const { code, message, processed, retry, retryAfter } = error;
    const { declared, incident } = error;
    return withRetry(
      errorResponse(STATUS[code], code, message, {
        processed,
        retry,
        ...(retryAfter > 0 && { retryAfter }),
        ...(declared !== "" && { declared }),
        ...(incident !== "" && { incident }),
        ...dataOf(error),
      }),
      retryAfter,
    );
  }
  if (error instanceof SessionError) {
    return sessionResponse(error);
  }
  if (error instanceof CodecError) {
    return errorResponse(400, "invalid", error.message);
  }
  throw error; // for the handler of errors of the HTTP server
}

/** Returns the response to a call whose session did not open. */
function sessionResponse(error: SessionError): Response {
  const { code, cause, retryAfter } = error;
  // The error names the address in memory; its cause does not.
  const { message } = cause instanceof SessionError ? cause : error;
  if (code === "unauthenticated") {
    return errorResponse(401, code, message, REFUSED);
  }
  return code === "disconnected"
    ? unavailable("The server accepts no calls", retryAfter)
    : unavailable(message, retryAfter);
}

const REFUSED = { processed: "no", retry: "never" };

/**
 * Returns the response to a call that the server could not take.
 *
 * @param message message of the error
 * @param retryAfter milliseconds until the client may try again; 0 means 1 s
 */
export function unavailable(message: string, retryAfter = 0): Response {
  return tryLater(503, "unavailable", message, retryAfter);
}

/**
 * Returns the response to a client with too many requests.
 *
 * @param message message of the error
 */
export function overloaded(message: string): Response {
  return tryLater(429, "overloaded", message, 0);
}

function tryLater(
  status: number,
  code: string,
  message: string,
  retryAfter: number,
): Response {
  const details = {
    processed: "no",
    retry: "later",
    retryAfter: retryAfter || 1_000,
  };
  const response = errorResponse(status, code, message, details);
  return withRetry(response, details.retryAfter);
}

/** Returns the data of an error if JSON can represent it. */
function dataOf({ data }: CallError): { data?: unknown } {
  try {
    return data === undefined ? {} : { data: codec.decode(codec.encode(data)) };
  } catch {
    return {}; // the name of the error remains
  }
}

/** Adds the header `retry-after`, which is in seconds. */
function withRetry(response: Response, retryAfter: number): Response {
  if (retryAfter > 0) {
    response.headers.set("retry-after", `${Math.ceil(retryAfter / 1_000)}`);
  }
  return response;
}

/**
 * Returns the response with an error.
 *
 * @param status the HTTP status
 * @param code code of the error
 * @param message its message
 * @param details further members of the error
 */
export function errorResponse(
  status: number,
  code: string,
  message: string,
  details: Record<string, unknown> = {},
): Response {
  return jsonResponse(
    status,
    codec.encode({ error: { code, message, ...details } }),
  );
}

function jsonResponse(status: number, bytes: Uint8Array): Response {
  return new Response(bytes.slice(), {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
    },
  });
}
