/**
 * The body of an HTTP request, with limits.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";

/** The limits of a body. */
export interface BodyLimits {
  /** Maximum number of bytes. */
  readonly maxBody: number;
  /** Milliseconds until the whole body must have arrived. */
  readonly bodyTimeout: number;
}

/**
 * Reads the body of a request.
 *
 * A body that is late is left as it is: Deno keeps the buffer of a read that is
 * cancelled, 64 KiB, for ever, and frees that of others with the connection.
 *
 * @param request the request, whose body is cancelled if it is too large
 * @param limits size and time
 * @returns the bytes, or the HTTP status that refuses them
 */
export async function readBody(
  request: Request,
  { maxBody, bodyTimeout }: BodyLimits,
): Promise<Uint8Array | 408 | 413 | 499> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBody) return 413;
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const late = Promise.withResolvers<408>();
  const timer = setTimeout(() => late.resolve(408), bodyTimeout);
  try {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const reading = reader.read().catch(() => 499 as const);
      const next = await Promise.race([reading, late.promise]);
      if (typeof next === "number") return next;
      const { done, value } = next;
      if (done) return concat(parts);
      size += value.length;
      if (size > maxBody) {
        reader.cancel().catch(() => {});
        return 413;
      }
      parts.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
}
