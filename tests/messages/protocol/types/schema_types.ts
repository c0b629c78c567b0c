/**
 * Types of methods that are declared by schemas of zod, valibot and arktype: code
 * that must compile, and code that must not. The compiler checks this file;
 * nothing here runs.
 *
 * @module
 */
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import { isDeclared } from "../../../../lib/messages/protocol/declared_errors.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../../lib/messages/protocol/protocol.ts";
import type {
  Handlers,
  Remote,
} from "../../../../lib/messages/protocol/protocol_types.ts";
import type {
  InferInput,
  InferOutput,
  StandardSchema,
} from "../../../../lib/messages/schema/standard_schema.ts";
import { typed } from "../../../../lib/messages/schema/typed.ts";

const Order = z.object({ sku: z.string(), count: z.number().default(1) });
const Receipt = z.object({ id: z.string(), at: z.string().transform(Number) });
const Line = v.object({
  say: v.string(),
  loud: v.optional(v.boolean(), false),
});
const Quote = type({ cents: "number", "currency?": "string" });

const Shop = protocol({
  name: "shop",
  server: {
    order: unary({
      input: Order,
      output: Receipt,
      errors: { outOfStock: type({ left: "number" }), closed: null },
      idempotent: true,
    }),
    watch: serverStream({ input: v.string(), output: Quote }),
    upload: clientStream({
      input: z.instanceof(Uint8Array),
      output: typed<{ bytes: number }>(),
      opening: v.object({ name: v.string() }),
    }),
    chat: duplex({ input: Line, output: Line }),
    log: notification({ input: type("string") }),
    stop: unary({ errors: { busy: v.string() } }),
  },
});

declare const server: Remote<typeof Shop, "server">;

export async function whatCallersMay(error: unknown): Promise<void> {
  // The caller passes the schema's input type and receives the output type.
  const receipt = await server.order({ sku: "a" });
  receipt.at satisfies number;
  for await (const quote of server.watch("a")) quote.cents satisfies number;
  const opening = { name: "a" };
  const upload = server.upload([new Uint8Array(1)], { opening });
  (await upload.result).bytes satisfies number;
  const chat = server.chat([{ say: "hi" }]);
  for await (const { loud } of chat) loud satisfies boolean;
  await server.log("x");
  await server.stop();
  if (isDeclared(Shop.server.order, error, "outOfStock")) {
    error.data.left satisfies number;
  }
}

export async function whatCallersMayNot(error: unknown): Promise<void> {
  // @ts-expect-error zod: wrong input
  await server.order({ sku: 1 });
  // @ts-expect-error zod: wrong output
  (await server.order({ sku: "a" })).at satisfies string;
  // @ts-expect-error valibot: wrong input
  server.watch(1);
  // @ts-expect-error arktype: wrong item
  for await (const quote of server.watch("a")) quote.cents satisfies string;
  // @ts-expect-error valibot: wrong opening
  server.upload([], { opening: { name: 1 } });
  // @ts-expect-error zod: wrong items to send
  server.upload(["text"], { opening: { name: "a" } });
  // @ts-expect-error valibot: wrong item to send
  await server.chat().send({ say: 1 });
  // @ts-expect-error arktype: wrong input
  await server.log(1);
  // @ts-expect-error there is no input
  await server.stop("now");
  if (isDeclared(Shop.server.order, error, "outOfStock")) {
    // @ts-expect-error arktype: wrong error data
    error.data.left satisfies string;
  }
}

export const handlers: Handlers<typeof Shop, "server"> = {
  // The handler receives the schema's output type and returns the input type.
  order({ sku, count }, context) {
    count satisfies number;
    if (count > 9) throw context.error("outOfStock", { left: 9 });
    if (count > 8) throw context.error("closed");
    // @ts-expect-error arktype: wrong error data
    context.error("outOfStock", { left: "9" });
    return { id: sku, at: "1" };
  },
  async *watch(sku) {
    await Promise.resolve();
    yield { cents: sku.length };
  },
  async upload(items, { opening }) {
    opening.name satisfies string;
    let bytes = 0;
    for await (const item of items) bytes += item.length;
    return { bytes };
  },
  async *chat(items) {
    for await (const { say, loud } of items) {
      loud satisfies boolean;
      yield { say };
    }
  },
  log: (line) => void (line satisfies string),
  stop(_input, context) {
    throw context.error("busy", "later");
  },
};

export const wrong: Handlers<typeof Shop, "server"> = {
  ...handlers,
  // @ts-expect-error zod: wrong output
  order: () => ({ id: 1, at: "1" }),
  // @ts-expect-error arktype: wrong item
  async *watch() {
    yield await Promise.resolve({ cents: "1" });
  },
  // @ts-expect-error valibot: wrong item
  async *chat() {
    yield await Promise.resolve({ say: 1 });
  },
  // @ts-expect-error arktype: wrong input
  log: (line: number) => void line,
};

export function inferred(): void {
  ({ sku: "a" }) satisfies InferInput<typeof Order>;
  ({ sku: "a", count: 1 }) satisfies InferOutput<typeof Order>;
  // @ts-expect-error the default is filled in
  ({ sku: "a" }) satisfies InferOutput<typeof Order>;
  // Each library's schemas are assignable to this package's StandardSchema.
  Order satisfies StandardSchema;
  Line satisfies StandardSchema;
  Quote satisfies StandardSchema;
  Quote satisfies StandardSchema<{ cents: number; currency?: string }>;
  // @ts-expect-error a schema of another type
  Quote satisfies StandardSchema<{ cents: string }>;
}

export function declarations(): void {
  // @ts-expect-error not a schema
  unary({ input: { sku: "string" } });
  // @ts-expect-error unknown member
  unary({ input: Order, outptu: Receipt });
  // @ts-expect-error a unary method has no opening
  unary({ input: Order, opening: Order });
  // @ts-expect-error a notification has no output
  notification({ input: Order, output: Receipt });
  // @ts-expect-error an error is a schema or null
  unary({ input: Order, errors: { closed: true } });
  // @ts-expect-error a timeout is a number
  unary<string, string>({ timeout: "1s" });
}
