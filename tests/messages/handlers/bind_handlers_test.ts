import { assertEquals, assertThrows } from "@std/assert";
import { bindHandlers } from "../../../lib/messages/handlers/bind_handlers.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";

const { methods: { server } } = protocol({
  name: "shop",
  server: {
    price: unary<string, string>(),
    orders: { create: unary<string, string>() },
  },
});

function call(handlers: object): unknown[] {
  return bindHandlers(server, handlers).map(({ handler }) => handler("in", {}));
}

Deno.test("bindHandlers() returns handlers in the order of the methods", {
  permissions: "none",
}, () => {
  const handlers = {
    price: (input: string) => `price ${input}`,
    orders: { create: (input: string) => `create ${input}` },
  };
  assertEquals(call(handlers), ["create in", "price in"]);
});

Deno.test("bindHandlers() binds methods of class instances to the instance", {
  permissions: "none",
}, () => {
  class Orders {
    #count = 0;
    create(): string {
      return `create ${++this.#count}`;
    }
    helper(): void {}
  }
  class Shop {
    orders = new Orders();
    readonly #cents = 5;
    price(): string {
      return `price ${this.#cents}`;
    }
  }
  assertEquals(call(new Shop()), ["create 1", "price 5"]);
});

Deno.test("bindHandlers() lists every missing and every extra handler", {
  permissions: "none",
}, () => {
  const f = () => {};
  assertThrows(
    () => bindHandlers(server, { prise: f, orders: { destroy: f } }),
    TypeError,
    'Cannot use these handlers: missing orders.create, price; not in the protocol: prise (did you mean "price"?), orders.destroy',
  );
  assertThrows(
    () => bindHandlers(server, { price: f, orders: f }),
    TypeError,
    "missing orders.create; not in the protocol: orders",
  );
  assertThrows(
    () => bindHandlers(server, { price: "x", orders: { create: f } }),
    TypeError,
    "missing price",
  );
});

Deno.test(
  "bindHandlers() does not take members of Object.prototype for handlers",
  {
    permissions: "none",
  },
  () => {
    const { methods } = protocol({
      name: "odd",
      server: { constructor: unary(), toString: unary() },
    });
    assertThrows(
      () => bindHandlers(methods.server, {}),
      TypeError,
      "missing constructor, toString",
    );
    const own = { constructor: () => 1, toString: () => "2" };
    assertEquals(
      bindHandlers(methods.server, own).map(({ handler }) => handler(0, 0)),
      [1, "2"],
    );
  },
);

Deno.test(
  "bindHandlers() does not read other members of an instance",
  {
    permissions: "none",
  },
  () => {
    class Database {
      query = () => "rows";
    }
    class Shop {
      readonly database = new Database();
      readonly log = { write: () => {} };
      readonly helper = () => {};
      orders = { create: () => this.database.query() };
      price(): string {
        return this.database.query();
      }
      get lazy(): never {
        throw new Error("must not be read");
      }
    }
    assertEquals(call(new Shop()), ["rows", "rows"]);
    // A group that is a plain object is checked even inside an instance.
    class Typo extends Shop {
      override orders = { create: () => "", creat: () => "" };
    }
    assertThrows(
      () => bindHandlers(server, new Typo()),
      TypeError,
      'not in the protocol: orders.creat (did you mean "orders.create"?)',
    );
  },
);

Deno.test(
  "bindHandlers() terminates when handlers refer to a deep graph of objects",
  {
    permissions: "none",
  },
  () => {
    const deep: Record<string, unknown> = {};
    let end = deep;
    for (let depth = 0; depth < 50_000; depth++) {
      const next: Record<string, unknown> = {};
      end["next"] = next;
      end = next;
    }
    const handlers = { price: () => 1, orders: { create: () => 2 }, deep };
    assertEquals(call(handlers), [2, 1]);
  },
);

Deno.test("bindHandlers() terminates when handlers contain themselves", {
  permissions: "none",
}, () => {
  const handlers: Record<string, unknown> = {
    price: () => 1,
    orders: { create: () => 2 },
  };
  handlers["self"] = handlers;
  assertEquals(call(handlers), [2, 1]);
});
