/**
 * Handling of a notification: like a call of which nobody hears the end. What
 * fails is reported here and nowhere else.
 *
 * @module
 */
import { Context, type ContextSource } from "./_context.ts";
import type { HandlingHost, ServedHandler } from "./_incoming_call.ts";
import { extend } from "./middleware.ts";
import { validate } from "./schema.ts";
import type { Fields } from "./session/fields.ts";

/** Decodes, checks and handles. Never throws. */
export function handleNotification(
  host: HandlingHost,
  served: ServedHandler,
  body: Uint8Array,
  fields: Readonly<Fields>,
): void {
  const { name, method } = served.bound;
  let value: unknown;
  try {
    value = host.session.codec.decode(body);
  } catch (error) {
    host.report(error, name);
    return;
  }
  const context = new Context(sourceOf(host, name, fields), undefined);
  handle().catch((error) => host.report(error, name));

  async function handle(): Promise<void> {
    const input = method.input === undefined
      ? value
      : await validate(method.input, value);
    if (host.middleware === undefined) {
      await served.handler(input, context);
      return;
    }
    await host.middleware(
      context,
      async (extra) => await served.handler(input, extend(context, extra)),
    );
  }
}

function sourceOf(
  host: HandlingHost,
  method: string,
  fields: Readonly<Fields>,
): ContextSource {
  return {
    method,
    metadata: fields.metadata,
    session: host.publicSession,
    cancelled: undefined,
    timeLeft: () => Infinity,
    respondWith() {
      throw new TypeError(
        `Cannot respond to ${method}: a notification has no answer`,
      );
    },
    remoteFor: (context) => host.remoteFor(context),
  };
}
