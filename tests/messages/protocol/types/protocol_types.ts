/**
 * Types of protocols and merged protocols: code that must compile, and code
 * that must not. The compiler checks this file; nothing here runs.
 *
 * @module
 */
import * as z from "zod";
import type {
  Method,
  NoErrors,
  Notification,
  ServerStream,
  Unary,
} from "../../../../lib/messages/protocol/method.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../../lib/messages/protocol/protocol.ts";
import type {
  AnyProtocol,
  Handlers,
  Protocol,
  Remote,
} from "../../../../lib/messages/protocol/protocol_types.ts";

interface Order {
  sku: string;
}
interface OrderMethods {
  create: Unary<Order, { id: string }, { closed: void }>;
}
interface ShopServer {
  price: Unary<Order, { cents: number }>;
  watch: ServerStream<Order, number>;
  orders: OrderMethods;
}
interface ShopSides {
  server: ShopServer;
  client: { alert: Notification<string> };
}

const Sku = z.object({ sku: z.string() });

/** Types stated by interfaces, from which bare declarations take theirs. */
export const Shop: Protocol<ShopSides> = protocol<ShopSides>({
  name: "shop",
  server: {
    price: unary({
      input: Sku,
      output: z.object({ cents: z.number() }),
      timeout: 5,
    }),
    watch: serverStream(),
    orders: { create: unary({ timeout: 100 }) },
  },
  client: { alert: notification() },
});

/** Stated types with errors, and with a schema that converts. */
export const Errors = protocol<{
  server: {
    order: Unary<Order, void, { left: number; closed: void }>;
    at: Method<
      "unary",
      { input: string; opening: void },
      { output: number; errors: NoErrors },
      { input: string; opening: void },
      { output: string; errors: NoErrors }
    >;
  };
}>({
  name: "errors",
  server: {
    order: unary({ input: Sku, errors: { left: z.number(), closed: null } }),
    at: unary({ input: z.string(), output: z.string().transform(Number) }),
  },
});

declare const server: Remote<typeof Shop, "server">;

export async function statedTypes(): Promise<void> {
  (await server.price({ sku: "a" })).cents satisfies number;
  (await server.orders.create({ sku: "a" })).id satisfies string;
  // @ts-expect-error wrong input
  await server.orders.create({ sku: 1 });
}

export function statedTypesAreChecked(): void {
  const orders = { create: unary<Order, { id: string }, { closed: void }>() };
  const watch = serverStream<Order, number>();
  const alert = notification<string>();
  protocol<ShopSides>({
    name: "shop",
    // @ts-expect-error a method is missing
    server: { watch, orders },
    client: { alert },
  });
  // @ts-expect-error a side is missing
  protocol<ShopSides>({ name: "shop", client: { alert } });
  protocol<ShopSides>({
    name: "shop",
    // @ts-expect-error another shape
    server: { watch, orders, price: watch },
    client: { alert },
  });
  protocol<ShopSides>({
    name: "shop",
    server: {
      watch,
      orders,
      // @ts-expect-error the schema does not accept the caller's input
      price: unary({
        input: z.object({ sku: z.number() }),
        output: z.object({ cents: z.number() }),
      }),
    },
    client: { alert },
  });
  protocol<ShopSides>({
    name: "shop",
    server: {
      watch,
      orders,
      // @ts-expect-error the schema requires more than callers pass
      price: unary({
        input: z.object({ sku: z.string(), size: z.number() }),
        output: z.object({ cents: z.number() }),
      }),
    },
    client: { alert },
  });
  protocol<ShopSides>({
    name: "shop",
    server: {
      watch,
      orders,
      // @ts-expect-error the schema returns another output than callers expect
      price: unary({ input: Sku, output: z.object({ cents: z.string() }) }),
    },
    client: { alert },
  });
  protocol<ShopSides>({
    name: "shop",
    server: {
      watch,
      orders: {
        // @ts-expect-error an error that callers expect is not declared
        create: unary({ input: Sku, output: z.object({ id: z.string() }) }),
      },
      price: unary(),
    },
    client: { alert },
  });
}

export function whatIsNoProtocol(): void {
  // @ts-expect-error the name is missing
  protocol({ server: { ping: unary() } });
  // @ts-expect-error an unknown side
  protocol({ name: "a", sever: { ping: unary() } });
  // @ts-expect-error unary was not called
  protocol({ name: "a", server: { ping: unary } });
  // @ts-expect-error not a method
  protocol({ name: "a", server: { ping: "unary" } });
  // @ts-expect-error not a method, in a group
  protocol({ name: "a", server: { group: { ping: 1 } } });
  // @ts-expect-error awaiting the remote would call it
  protocol({ name: "a", server: { then: unary() } });
  // @ts-expect-error dots are for groups
  protocol({ name: "a", server: { "orders.create": unary() } });
}

const Prices = protocol({
  name: "prices",
  server: {
    price: unary<string, number>(),
    orders: { list: unary<void, string[]>() },
  },
});
const Alerts = protocol({
  name: "alerts",
  server: { orders: { cancel: unary<{ id: string }>() } },
  client: { alert: notification<string>() },
});
const Both = mergeProtocols(Prices, Alerts);
declare const both: Remote<typeof Both, "server">;
declare const bothClient: Remote<typeof Both, "client">;

export async function merged(): Promise<void> {
  (await both.price("a")) satisfies number;
  (await both.orders.list()) satisfies string[];
  await both.orders.cancel({ id: "a" });
  await bothClient.alert("a");
  // @ts-expect-error wrong input
  await both.orders.cancel({ id: 1 });
  // @ts-expect-error unknown method
  await both.orders.create();
  // @ts-expect-error nothing to merge
  mergeProtocols();
}

export const mergedHandlers: Handlers<typeof Both, "server"> = {
  price: () => 1,
  // @ts-expect-error missing handler of one of the merged protocols
  orders: { list: () => [] },
};

export const noClientSide: Handlers<typeof Prices, "client"> = {};

export function anyProtocol(any: AnyProtocol): void {
  anyProtocol(Shop);
  anyProtocol(Both);
  // @ts-expect-error frozen
  any.methods = Shop.methods;
}

/** Generic code over protocols. */
export function generic<S>(each: Protocol<S>): Remote<Protocol<S>, "server"> {
  throw new Error(each.name);
}
generic(Shop).price satisfies (order: Order) => Promise<{ cents: number }>;
