/**
 * Metadata by which a gateway says who its clients are.
 *
 * @module
 */
import type { Metadata } from "../messages/session/wire/fields.ts";

/** First characters of the keys that only gateways may send. */
export const PREFIX = "lw-forwarded-";

/** Facts about a client, by names such as `user`. */
export type Identity = Readonly<Record<string, string>>;

/**
 * Returns the metadata of a forwarded call.
 *
 * Keys that claim an identity are dropped: a client may have forged them.
 *
 * @param metadata the metadata that the client sent
 * @param identity what the gateway knows of the client
 * @returns the metadata, if it has any keys
 */
export function withIdentity(
  metadata: Metadata,
  identity: Identity | undefined,
): Record<string, string> | undefined {
  let result: Record<string, string> | undefined;
  for (const key in metadata) { // which has no prototype
    if (key.startsWith(PREFIX)) continue;
    result ??= Object.create(null) as Record<string, string>; // without members
    result[key] = metadata[key]!; // it has the key
  }
  if (identity === undefined) return result;
  result ??= Object.create(null) as Record<string, string>; // as above
  for (const [name, value] of Object.entries(identity)) {
    result[`${PREFIX}${name}`] = value;
  }
  return result;
}

/**
 * Returns what a gateway says about the client of a call.
 *
 * Call it in handlers of the servers that a gateway forwards to. Everyone can
 * send such metadata, so `trusted` decides whether the session is that of a
 * gateway, for example by its credentials or its certificate.
 *
 * @param context the context of the call
 * @param trusted whether the session of the call is that of a gateway
 * @returns the facts by their names; `undefined` if the session is not trusted
 *
 * @example
 * ```ts
 * import { forwardedIdentity } from "@lengthwise/lengthwise/forward";
 * import { assertEquals } from "@std/assert";
 *
 * const metadata = { "lw-forwarded-user": "ada", locale: "en" };
 * const gateway = { metadata, session: { auth: "gateway" } };
 * const client = { metadata, session: { auth: "mallory" } };
 * const user = (context: typeof gateway) =>
 *   forwardedIdentity(context, context.session.auth === "gateway")?.user;
 * assertEquals([user(gateway), user(client)], ["ada", undefined]);
 * ```
 */
export function forwardedIdentity(
  { metadata }: { readonly metadata: Metadata },
  trusted: boolean,
): Identity | undefined {
  if (!trusted) return undefined;
  const identity: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(metadata)) {
    if (key.startsWith(PREFIX)) identity[key.slice(PREFIX.length)] = value;
  }
  return identity;
}
