/**
 * Types of methods that are declared by types: code that must compile, and code
 * that must not. The compiler checks this file; nothing here runs.
 *
 * @module
 */
import { isDeclared } from "../../../../lib/messages/protocol/declared_errors.ts";
import type { NoErrors } from "../../../../lib/messages/protocol/method.ts";
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

interface Order {
  sku: string;
  count: number;
}

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<{ sku: string }, { cents: number }>(),
    ping: unary(),
    log: notification<string>(),
    watch: serverStream<{ sku: string }, { cents: number }>(),
    upload: clientStream<Uint8Array, { bytes: number }>(),
    save: clientStream<Uint8Array, number, NoErrors, { name: string }>(),
    chat: duplex<{ say: string }, { said: string }>(),
    orders: {
      create: unary<
        Order,
        { id: string },
        { outOfStock: { left: number }; closed: void }
      >({ timeout: 500 }),
      archive: { purge: unary<{ before: Date }, number>() },
    },
  },
  client: { alert: notification<string>(), confirm: unary<string, boolean>() },
});

declare const server: Remote<typeof Shop, "server">;
declare const client: Remote<typeof Shop, "client">;
declare const signal: AbortSignal;
declare const bytes: AsyncIterable<Uint8Array>;

export async function whatCallersMay(): Promise<void> {
  const price = await server.price({ sku: "a" }, { signal, timeout: 500 });
  price.cents satisfies number;
  await server.ping();
  await server.ping(undefined, { timeout: 5 });
  (await server.log("x")) satisfies void;
  for await (const { cents } of server.watch({ sku: "a" })) {
    cents satisfies number;
  }
  const order = await server.orders.create({ sku: "a", count: 1 });
  order.id satisfies string;
  (await server.orders.archive.purge({ before: new Date() })) satisfies number;
  (await server.upload(bytes).result).bytes satisfies number;
  await server.upload([new Uint8Array(1)]).result;
  (await server.save(bytes, { opening: { name: "a" } })
    .result) satisfies number;
  await using chat = server.chat();
  await chat.send({ say: "hi" });
  await chat.end();
  for await (const { said } of chat) said satisfies string;
  (await client.confirm("sure?")) satisfies boolean;
}

export async function whatCallersMayNot(): Promise<void> {
  // @ts-expect-error wrong input: a field of another type
  await server.price({ sku: 1 });
  // @ts-expect-error wrong input: a field is missing
  await server.orders.create({ sku: "a" });
  // @ts-expect-error wrong input: an unknown field
  await server.price({ sku: "a", size: 1 });
  // @ts-expect-error the input is missing
  await server.price();
  // @ts-expect-error wrong output
  (await server.price({ sku: "a" })) satisfies { cents: string };
  // @ts-expect-error unknown method
  await server.prise({ sku: "a" });
  // @ts-expect-error unknown method in a group
  await server.orders.destroy({ sku: "a" });
  // @ts-expect-error a group is not a method
  await server.orders({ sku: "a", count: 1 });
  // @ts-expect-error a method of the client's side, called at the server
  await server.alert("x");
  // @ts-expect-error a method of the server's side, called at the client
  await client.price({ sku: "a" });
  // @ts-expect-error unknown option
  await server.price({ sku: "a" }, { timeOut: 1 });
  // @ts-expect-error a notification has no output
  (await server.log("x")) satisfies string;
  // @ts-expect-error a stream is iterable, not a promise of an item
  (await server.watch({ sku: "a" })).cents;
  // @ts-expect-error a single output is not iterable
  for await (const _ of server.price({ sku: "a" }));
  // @ts-expect-error wrong items to send
  server.upload(["text"]);
  const upload = server.upload();
  // @ts-expect-error wrong item to send
  await upload.send("text");
  // @ts-expect-error items to send are not items to receive
  for await (const _ of upload);
  // @ts-expect-error the opening is missing
  server.save(bytes);
  // @ts-expect-error wrong opening
  server.save(bytes, { opening: { name: 1 } });
  // @ts-expect-error no opening is declared
  server.upload(bytes, { opening: { name: "a" } });
  // @ts-expect-error wrong item in a duplex
  await server.chat().send({ said: "hi" });
  // @ts-expect-error members of a remote are read-only
  server.price = () => Promise.resolve({ cents: 1 });
}

export function whatCallersCatch(error: unknown): void {
  const { create } = Shop.server.orders;
  if (isDeclared(create, error, "outOfStock")) {
    error.data.left satisfies number;
    error.code satisfies "declared";
    // @ts-expect-error wrong error data
    error.data.right;
  }
  if (isDeclared(create, error)) {
    // @ts-expect-error not narrowed by name yet
    error.data.left;
    if (error.declared === "outOfStock") error.data.left satisfies number;
    else error.declared satisfies "closed";
  }
  // @ts-expect-error the method does not declare this error
  isDeclared(create, error, "soldOut");
  // @ts-expect-error the method declares no error
  isDeclared(Shop.server.price, error, "outOfStock");
}

interface Context {
  user: string;
}

export const handlers: Handlers<typeof Shop, "server", Context> = {
  price: ({ sku }, context) => {
    sku satisfies string;
    context.user satisfies string;
    return { cents: 1 };
  },
  ping: () => {},
  log: async (line) => {
    await Promise.resolve(line satisfies string);
  },
  async *watch({ sku }, { user }) {
    await Promise.resolve(user);
    yield { cents: sku.length };
  },
  async upload(items, context) {
    context.opening satisfies void;
    let count = 0;
    for await (const item of items) count += item.length;
    return { bytes: count };
  },
  save: (_items, { opening }) => opening.name.length,
  async *chat(items) {
    for await (const { say } of items) yield { said: say };
  },
  orders: {
    create(order, context) {
      if (order.count > 9) throw context.error("outOfStock", { left: 9 });
      if (order.count > 8) throw context.error("closed");
      // @ts-expect-error wrong error data
      context.error("outOfStock", { left: "9" });
      // @ts-expect-error the error's data is missing
      context.error("outOfStock");
      // @ts-expect-error an error that is not declared
      context.error("soldOut");
      return { id: order.sku };
    },
    archive: { purge: ({ before }) => before.getTime() },
  },
};

const { orders: _, ...withoutGroup } = handlers;
const { price: __, ...withoutPrice } = handlers;

// @ts-expect-error missing handler
export const missing: Handlers<typeof Shop, "server", Context> = withoutPrice;

// @ts-expect-error missing group
export const group: Handlers<typeof Shop, "server", Context> = withoutGroup;

export const missingInGroup: Handlers<typeof Shop, "server", Context> = {
  ...handlers,
  // @ts-expect-error missing handler in a group
  orders: { create: () => ({ id: "" }) },
};

export const extra: Handlers<typeof Shop, "server", Context> = {
  ...handlers,
  // @ts-expect-error extra handler
  prise: () => ({ cents: 1 }),
};

export const wrong: Handlers<typeof Shop, "server", Context> = {
  ...handlers,
  // @ts-expect-error wrong output
  price: () => ({ cents: "1" }),
  // @ts-expect-error wrong output, in a promise
  ping: () => Promise.resolve(1),
  // @ts-expect-error wrong item of a stream
  async *watch() {
    yield await Promise.resolve({ cents: "1" });
  },
  // @ts-expect-error a single output where items are declared
  chat: () => ({ said: "" }),
  // @ts-expect-error wrong input
  save: (_items: AsyncIterable<string>) => 1,
};

export const wrongContext: Handlers<typeof Shop, "client", Context> = {
  alert: () => {},
  // @ts-expect-error a member that the context does not have
  confirm: (_question, context) => context.admin,
};
