import { assertEquals, assertThrows } from "@std/assert";
import { use } from "../../../lib/messages/handlers/use.ts";
import {
  chain,
  type Middleware,
} from "../../../lib/messages/handlers/middleware.ts";
import { bindHandlers } from "../../../lib/messages/handlers/bind_handlers.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { testPair } from "../../../lib/testing/test_pair.ts";
import { ASKING, CALLS, everyShape, handlersOf } from "../every_shape.ts";
import { failureOf, incidents, until } from "../kit.ts";

const none = { permissions: "none" } as const;

/** Returns a middleware that records when it is entered and left. */
function recording(name: string, order: string[]): Middleware {
  return async (_context, next) => {
    order.push(`${name} in`);
    const result = await next();
    order.push(`${name} out`);
    return result;
  };
}

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, number>(),
    admin: {
      ban: unary<string, string>(),
      log: notification<string>(),
      ids: serverStream<number, number>(),
    },
  },
});

Deno.test(
  "use() runs the middleware of all handlers, then the group's, then the method's",
  none,
  async () => {
    const order: string[] = [];
    await using pair = await testPair(Shop).handle(
      use(recording("all", order), {
        price: (sku) => sku.length,
        admin: use(recording("group", order), {
          ban: use(recording("method", order), (name) => {
            order.push("handler");
            return name;
          }),
          log: (line) => void order.push(line),
          async *ids(count) {
            for (let id = 0; id < count; id++) yield id;
            order.push("items");
          },
        }),
      }),
    );
    const { remote } = pair.session;
    const taken = () => order.splice(0);
    assertEquals(await remote.admin.ban("eve"), "eve");
    assertEquals(taken(), [
      ...["all in", "group in", "method in", "handler"],
      ...["method out", "group out", "all out"],
    ]);
    assertEquals(await Array.fromAsync(remote.admin.ids(2)), [0, 1]);
    assertEquals(
      taken(),
      ["all in", "group in", "items", "group out", "all out"],
    );
    await remote.admin.log("line");
    await until(() => order.length >= 5);
    assertEquals(
      taken(),
      ["all in", "group in", "line", "group out", "all out"],
    );
    assertEquals(await remote.price("tea"), 3);
    assertEquals(taken(), ["all in", "all out"]);
  },
);

for (const asks of ASKING) {
  Deno.test(
    `use() leaves methods without it alone, called by the ${asks}`,
    none,
    async () => {
      const handlers = handlersOf((given) => given * 10);
      const doubled: Middleware = async (_context, next) => {
        const { output } = await next();
        return { output: Number(output) * 2 };
      };
      await using both = await everyShape(asks, {
        ...handlers,
        one: use(doubled, handlers.one),
        up: use(chain(doubled, doubled), handlers.up),
      }, {});
      assertEquals(await CALLS.one(both.asked, {}), [40]);
      assertEquals(await CALLS.up(both.asked, {}), [80]);
      assertEquals(await CALLS.down(both.asked, {}), [20]);
      assertEquals(await CALLS.both(both.asked, {}), [20]);
    },
  );
}

Deno.test(
  "use() keeps `this` of a class instance, and adds members for inner middleware",
  none,
  async () => {
    const by: Middleware<{ by: string }> = (_context, next) =>
      next({ by: "ada" });
    class Admin {
      readonly #suffix = "!";
      ban(name: string, { by }: { by: string }): string {
        return `${name} by ${by}${this.#suffix}`;
      }
      log(): void {}
      async *ids(): AsyncGenerator<number> {}
    }
    await using pair = await testPair(Shop).handle({
      price: use(
        (_context, next) => next({ a: 1 }),
        use(
          (context, next) => next({ b: context.a + 1 }),
          (_, { a, b }) => a * 10 + b,
        ),
      ),
      admin: use(by, new Admin()),
    });
    assertEquals(await pair.session.remote.price("x"), 12);
    assertEquals(await pair.session.remote.admin.ban("eve"), "eve by ada!");
  },
);

Deno.test(
  "a call fails when a middleware does not return the result of next()",
  none,
  async () => {
    const { list, onError } = incidents();
    // deno-lint-ignore no-explicit-any -- the types reject it; JavaScript callers may do it
    const silent: any = async (_context: unknown, next: () => unknown) => {
      await next();
    };
    await using pair = await testPair(Shop, { server: { onError } }).handle({
      price: use(silent, (sku: string) => sku.length),
      admin: use(chain(silent, silent), {
        ban: (name) => name,
        log() {},
        async *ids() {},
      }),
    });
    const { remote } = pair.session;
    for (const call of [remote.price("x"), remote.admin.ban("x")]) {
      assertEquals((await failureOf(call)).code, "internal");
    }
    assertEquals(
      list.map(({ error }) => String(error)),
      Array(2).fill(
        "TypeError: Cannot use undefined as the result of a middleware: return what next() returns, or { output }",
      ),
    );
  },
);

Deno.test("use() and chain() reject what is not a middleware", none, () => {
  // deno-lint-ignore no-explicit-any -- JavaScript callers may pass any value
  const [list, text, handler]: any[] = [[], "tenant", () => 1];
  assertThrows(
    () => use(list, handler),
    TypeError,
    "Cannot use an array as middleware in use(): expected a function; combine several with chain()",
  );
  for (const [outer, inner] of [[handler, text], [text, handler]]) {
    assertThrows(
      () => chain(outer, inner),
      TypeError,
      "Cannot use a value of type string as middleware in chain(): expected a function",
    );
  }
  assertThrows(
    () => use(handler, text),
    TypeError,
    "Cannot use() middleware around a value of type string: expected a handler, or an object of handlers",
  );
});

Deno.test(
  "use() never lets a handler run without its middleware",
  none,
  () => {
    // deno-lint-ignore no-explicit-any -- its type asks for a context
    const handler: any = use((_context, next) => next(), () => 1);
    assertThrows(
      () => handler(),
      TypeError,
      "pass it to handle() or connect()",
    );
    // deno-lint-ignore no-explicit-any -- the group belongs to no protocol here
    const group: any = use((_context, next) => next(), {} as any);
    assertThrows(
      () =>
        bindHandlers(Shop.methods.server, {
          price: () => 1,
          admin: { ...group },
        }),
      TypeError,
      "missing admin.ban, admin.ids, admin.log",
    );
  },
);

Deno.test("use() finds extra handlers around which it is put", none, () => {
  // deno-lint-ignore no-explicit-any -- the types reject extra handlers
  const pass: any = (_context: unknown, next: () => unknown) => next();
  const f = () => {};
  const admin = { ban: f, log: f, ids: f, bann: f };
  assertThrows(
    () =>
      bindHandlers(
        Shop.methods.server,
        use(pass, { price: f, admin: use(pass, admin), admins: { reset: f } }),
      ),
    TypeError,
    'not in the protocol: admin.bann (did you mean "admin.ban"?), admins.reset',
  );
});
