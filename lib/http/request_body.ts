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
 * @param request the request, whose body is cancelled if it exceeds a limit
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
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, bodyTimeout);
  try {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const next = await reader.read().catch(() => undefined);
      if (next === undefined) return late ? 408 : 499;
      const { done, value } = next;
      if (done) return late ? 408 : concat(parts);
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
