/**
 * The reason of a refused upgrade, which WebSockets do not report.
 *
 * @module
 */
import { failureCode } from "../error_mapping.ts";
import type { TransportError } from "../errors.ts";
import { statusCode, webSocketError } from "./websocket_failure.ts";

/** Answer of a WebSocket server to an ordinary request (RFC 9110, 15.5.22). */
const UPGRADE_REQUIRED = 426;

/** Options for {@linkcode explainRefusal}. */
export interface ExplainRefusalOptions {
  /** Headers of the opening handshake. */
  headers: Record<string, string> | undefined;
  /** The HTTP client of the opening handshake, in Deno. */
  client: Deno.HttpClient | undefined;
  /** Cancels the request. */
  signal: AbortSignal;
}

/**
 * Asks a server that is unavailable for its HTTP status and `retry-after`.
 *
 * It sends an ordinary request to the same URL. A server or proxy that accepts
 * no clients answers it like the upgrade.
 *
 * @param error the failure of the upgrade
 * @param options the options of the upgrade
 * @returns a more specific error, or the same one
 */
export async function explainRefusal(
  error: TransportError,
  { headers, client, signal }: ExplainRefusalOptions,
): Promise<TransportError> {
  if (error.code !== "unavailable") return error;
  const { address } = error;
  const options: RequestInit & { client?: Deno.HttpClient } = {
    redirect: "manual",
    signal,
    ...(headers && { headers }),
    ...(client && { client }),
  };
  try {
    const response = await fetch(address.replace(/^ws/i, "http"), options);
    void response.body?.cancel().catch(() => {});
    const { status } = response;
    const code = statusCode(status);
    // The second answer explains nothing: the server is available now.
    const known = error.status !== undefined || status === UPGRADE_REQUIRED;
    if (known && code !== "unavailable") return error;
    return webSocketError(code, {
      reason: `HTTP status ${status}`,
      address,
      status,
      retryAfter: retryAfter(response.headers.get("retry-after")),
    });
  } catch (failure) {
    const cause = failure instanceof Error ? failure.cause : undefined;
    const code = failureCode(cause);
    if (error.status !== undefined || code === "other") return error;
    const reason = cause instanceof Error ? cause.message : String(failure);
    return webSocketError(code, { reason, address });
  }
}

/** Parses seconds or a date (RFC 9110, 10.2.3); returns milliseconds. */
function retryAfter(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value)
    ? Number(value) * 1_000
    : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
