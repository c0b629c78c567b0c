/**
 * A server for the tests of commands.
 *
 * @module
 */
import * as z from "zod";
import { CallError } from "../../lib/messages/errors/call_error.ts";
import {
  introspect,
  Introspection,
} from "../../lib/messages/introspection/introspection_service.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../lib/messages/server/server.ts";

/** The protocol of the server. */
export const Shop = protocol({
  name: "shop",
  server: {
    price: unary({
      input: z.object({ sku: z.string(), count: z.number().optional() }),
      output: z.object({ cents: z.number() }),
      errors: { unknownSku: z.object({ sku: z.string() }) },
      description: "Price of an article",
      idempotent: true,
    }),
    echo: unary<unknown, unknown>(),
    crash: unary<void, void>(),
    wait: unary<void, void>({ timeout: 60_000 }),
    log: notification<unknown>(),
    quotes: serverStream<{ count?: number } | undefined, unknown>(),
    fails: serverStream<void, number>(),
    sum: clientStream<number, number>(),
    room: {
      join: unary<string | undefined, void>(),
      upper: duplex<string, string>(),
    },
  },
  client: { news: notification<unknown>() },
});

/** Returns a server, and counts of what its handlers saw. */
export function shop(options: { authenticate?: boolean } = {}) {
  const seen = {
    cancelled: 0,
    metadata: [] as Readonly<Record<string, string>>[],
    log: [] as unknown[],
    waiting: 0,
  };
  const server = createServer(mergeProtocols(Shop, Introspection), {
    onError: () => {},
    authenticate(credentials) {
      if (!options.authenticate || credentials === "secret") return {};
      throw new CallError("wrong password", { code: "unauthenticated" });
    },
  }).handle({
    ...introspect(mergeProtocols(Shop, Introspection)),
    price({ sku }, { metadata }) {
      seen.metadata.push(metadata);
      if (sku !== "tea") {
        throw new CallError(`no article \x1b[31m${sku}`, {
          code: "declared",
          declared: "unknownSku",
          data: { sku: "\x1b]0;x\x07" },
        });
      }
      return { cents: 300 };
    },
    echo: (value) => value,
    crash() {
      throw new Error("secret detail");
    },
    wait(_, { signal }) {
      seen.waiting++;
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          seen.cancelled++;
          reject(signal.reason);
        })
      );
    },
    log: (value) => void seen.log.push(value),
    async *quotes(input, { signal }) {
      signal.addEventListener("abort", () => seen.cancelled++);
      for (let i = 0; i < (input?.count ?? Infinity); i++) {
        yield { bid: i, at: new Date(i), big: BigInt(i) };
      }
    },
    async *fails() {
      yield 1;
      throw new Error("broken");
    },
    async sum(items) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
    room: {
      async join(text, { session }) {
        for (let i = 0; i < 3; i++) {
          await session.remote.news({ text: text ?? "hi", i });
        }
      },
      async *upper(items) {
        for await (const item of items) yield item.toUpperCase();
      },
    },
  });
  return { server, seen };
}
