/**
 * HTTP statuses of failed calls.
 *
 * @module
 */
import type { CallErrorCode } from "../messages/errors/call_error.ts";

/** HTTP status of each code (RFC 9110, 15; 429 is RFC 6585, 499 is nginx's). */
export const STATUS: Readonly<Record<CallErrorCode, number>> = {
  declared: 422,
  cancelled: 499,
  deadline: 504,
  unimplemented: 404,
  invalid: 400,
  internal: 500,
  overloaded: 429,
  unavailable: 503,
  unauthenticated: 401,
  forbidden: 403,
  "too-large": 413,
  malformed: 500,
  disconnected: 503,
  moving: 503,
  conflict: 409,
  "outcome-lost": 410,
  gap: 500,
};
