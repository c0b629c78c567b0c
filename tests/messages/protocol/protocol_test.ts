import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as z from "zod";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import type {
  AnyProtocol,
  BoundMethod,
} from "../../../lib/messages/protocol/protocol_types.ts";

/** Declares a protocol without type checks, as JavaScript users can. */
const declare = protocol as (
  declaration: unknown,
  options?: { maxMethods?: number },
) => AnyProtocol;

function server(methods: unknown): AnyProtocol {
  return declare({ name: "test", server: methods });
}

function names(methods: readonly BoundMethod[]): string[] {
  return methods.map(({ name }) => name);
}

Deno.test("protocol() keeps the declared methods in their groups", {
  permissions: "none",
}, () => {
  const create = unary<string>();
  const alert = notification<string>();
  const Shop = protocol({
    name: "shop",
    server: { orders: { create } },
    client: { alert },
  });
  assertEquals(Shop.name, "shop");
  assert(Shop.server.orders.create === create);
  assert(Shop.client.alert === alert);
});

Deno.test(
  "protocol() sorts methods by dotted name, independent of the order of declaration",
  {
    permissions: "none",
  },
  () => {
    const b = unary();
    const sorted = ["Z", "a", "a-b", "a.b", "a.b2", "b"];
    assertEquals(
      names(
        server({ b, "a-b": b, Z: b }).methods.server,
      ),
      ["Z", "a-b", "b"],
    );
    const one = server({ a2: { y: b, x: b }, Z: b, a: b });
    const two = server({ a: b, Z: b, a2: { x: b, y: b } });
    assertEquals(names(one.methods.server), ["Z", "a", "a2.x", "a2.y"]);
    assertEquals(names(two.methods.server), names(one.methods.server));
    assertEquals(sorted.toSorted(), sorted);
  },
);

Deno.test("protocol() has empty lists for an omitted side", {
  permissions: "none",
}, () => {
  const Empty = protocol({ name: "empty" });
  assertEquals(Empty.methods, { server: [], client: [] });
  assertEquals(Object.keys(Empty.server), []);
});

Deno.test("protocol() copies the declaration and freezes the result", {
  permissions: "none",
}, () => {
  const group: Record<string, unknown> = { ping: unary() };
  const Shop = server({ group });
  group["pong"] = unary();
  assertEquals(names(Shop.methods.server), ["group.ping"]);
  const [bound] = Shop.methods.server;
  for (
    const part of [
      Shop,
      Shop.server,
      Reflect.get(Shop.server, "group"),
      Shop.methods,
      Shop.methods.server,
      bound!,
      bound!.method,
    ]
  ) assert(Object.isFrozen(part));
});

Deno.test(
  "protocol() creates groups without a prototype, with declared members only",
  {
    permissions: "none",
  },
  () => {
    const Shop = server({ group: { ping: unary() }, constructor: unary() });
    const group = Reflect.get(Shop.server, "group");
    for (const object of [Shop.server, group]) {
      assertEquals(Object.getPrototypeOf(object), null);
      assert(!("toString" in object) && !("then" in object));
    }
    assertEquals(names(Shop.methods.server), ["constructor", "group.ping"]);
  },
);

Deno.test(
  "protocol() rejects names that are empty, dotted, not ASCII or special",
  {
    permissions: "none",
  },
  () => {
    const bad = [
      "",
      "a.b",
      "a b",
      "ö",
      "a\n",
      "then",
      "__proto__",
      "a/b",
      "🦕",
    ];
    for (const name of bad) {
      const methods = Object.fromEntries([[name, unary()]]);
      assertThrows(() => server(methods), TypeError, "Cannot name a method");
      assertThrows(
        () => server({ group: methods }),
        TypeError,
        "Cannot name a method",
      );
      assertThrows(() => server({ [`${name}x y`]: {} }), TypeError);
      assertThrows(
        () => declare({ name }),
        TypeError,
        "Cannot name a protocol",
      );
    }
  },
);

Deno.test("protocol() rejects a group that await would take for a promise", {
  permissions: "none",
}, () => {
  assertThrows(
    () => server({ then: { ping: unary() } }),
    TypeError,
    'Cannot name a method "then": the name has a special meaning in JavaScript; choose another',
  );
});

Deno.test("protocol() rejects names over 128 bytes, groups and dots included", {
  permissions: "none",
}, () => {
  const half = "x".repeat(64);
  assertEquals(
    names(server({ [half]: { [half.slice(1)]: unary() } }).methods.server)[0]!
      .length,
    128,
  );
  assertThrows(
    () => server({ [half]: { [half]: unary() } }),
    TypeError,
    "it has 129 bytes, the limit is 128",
  );
  assertThrows(
    () => declare({ name: "x".repeat(129) }),
    TypeError,
    "129 bytes",
  );
});

Deno.test("protocol() rejects a group that contains itself", {
  permissions: "none",
}, () => {
  const group: Record<string, unknown> = {};
  group["again"] = group;
  assertThrows(() => server({ group }), TypeError, "the limit is 128");
});

Deno.test("protocol() rejects a value that is neither a method nor a group", {
  permissions: "none",
}, () => {
  for (
    const [value, what] of [
      [unary, "a function"],
      [null, "null"],
      ["unary", "a value of type string"],
      [[unary()], "an array"],
      [new Map(), "a value of type object"],
      [new Date(), "a value of type object"],
    ] as const
  ) {
    assertThrows(
      () => server({ group: { ping: value } }),
      TypeError,
      `Cannot declare "group.ping" with ${what}`,
    );
  }
});

Deno.test("protocol() accepts a group with a method named shape", {
  permissions: "none",
}, () => {
  const { methods } = protocol({
    name: "test",
    server: { group: { shape: unary(), input: unary() } },
  });
  assertEquals(names(methods.server), ["group.input", "group.shape"]);
});

Deno.test(
  "protocol() rejects a missing name and unknown members",
  {
    permissions: "none",
  },
  () => {
    assertThrows(() => declare({}), TypeError, "without a name");
    assertThrows(() => declare({ name: 1 }), TypeError, "without a name");
    assertThrows(
      () => declare({ name: "a", sever: {} }),
      TypeError,
      'Cannot declare a protocol with "sever": its only members are name, server and client',
    );
  },
);

Deno.test(
  "protocol() rejects more methods than maxMethods, both sides together",
  {
    permissions: "none",
  },
  () => {
    const many = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`m${index}`, unary()]),
      );
    const whole = { name: "test", server: many(1000), client: many(24) };
    assertEquals(declare(whole).methods.server.length, 1000);
    assertThrows(
      () => declare({ ...whole, client: many(25) }),
      RangeError,
      'Cannot declare 1025 methods in protocol "test": the limit is 1024 (option maxMethods)',
    );
    const wide = declare({ ...whole, client: many(25) }, { maxMethods: 1025 });
    assertEquals(wide.methods.client.length, 25);
  },
);

Deno.test(
  "protocol() rejects a maxMethods that is not an integer from 1 to 65535",
  {
    permissions: "none",
  },
  () => {
    for (const maxMethods of [0, 1.5, -1, NaN, 65_536]) {
      assertThrows(
        () => declare({ name: "test" }, { maxMethods }),
        RangeError,
        `Cannot use ${maxMethods} as maxMethods: it must be an integer from 1 to 65535`,
      );
    }
  },
);

Deno.test(
  "protocol() requests a schema's JSON Schema once, when a hash is first read",
  {
    permissions: "none",
  },
  () => {
    let asked = 0;
    const jsonSchema = {
      input: () => {
        asked++;
        return { type: "string" };
      },
    };
    const input = {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) => ({ value }),
        jsonSchema,
      },
    };
    const [price] =
      protocol({ name: "a", server: { price: unary({ input }) } }).methods
        .server;
    assertEquals(asked, 0);
    assertEquals(price!.hash, price!.hash);
    assert(price!.hash > 0);
    assertEquals(asked, 1);
  },
);

// Invariant: any declaration is either rejected with a TypeError or RangeError,
// or has the same methods in the flat lists and in the nested groups.
Deno.test(
  "protocol() has the same methods in lists and groups for any declaration",
  {
    permissions: "none",
  },
  () => {
    const { tree } = fc.letrec((tie) => ({
      tree: fc.dictionary(
        fc.oneof(
          fc.stringMatching(/^[a-c]{1,2}$/),
          fc.constantFrom("then", "__proto__", "constructor", "a.b", ""),
        ),
        fc.oneof(
          { maxDepth: 4 },
          fc.constant(unary()),
          fc.constant(serverStream()),
          tie("tree"),
          fc.constantFrom(null, 1, "x"),
        ),
        { maxKeys: 4 },
      ),
    }));
    fc.assert(fc.property(tree, (methods) => {
      let made: AnyProtocol;
      try {
        made = server(methods);
      } catch (error) {
        assert(error instanceof TypeError || error instanceof RangeError);
        return;
      }
      for (const { name, method } of made.methods.server) {
        const found = name.split(".").reduce<unknown>(
          (group, key) => Reflect.get(group as object, key), // each step is a group
          made.server,
        );
        assert(found === method);
      }
    }));
  },
);

Deno.test(
  "mergeProtocols() has the methods of all protocols and merges groups by name",
  {
    permissions: "none",
  },
  () => {
    const One = protocol({
      name: "one",
      server: {
        price: unary(),
        orders: { list: unary(), old: { get: unary() } },
      },
    });
    const Two = protocol({
      name: "two",
      server: { orders: { cancel: unary(), old: { purge: unary() } } },
      client: { alert: notification() },
    });
    const Both = mergeProtocols(One, Two);
    assertEquals(Both.name, "one+two");
    assertEquals(names(Both.methods.server), [
      "orders.cancel",
      "orders.list",
      "orders.old.get",
      "orders.old.purge",
      "price",
    ]);
    assertEquals(names(Both.methods.client), ["alert"]);
    assert(Both.server.orders.cancel === Two.server.orders.cancel);
    assert(Both.server.orders.old.get === One.server.orders.old.get);
    assert(Object.isFrozen(Both.server.orders));
  },
);

Deno.test("mergeProtocols() rejects the same name twice on one side", {
  permissions: "none",
}, () => {
  const One = protocol({ name: "one", server: { group: { ping: unary() } } });
  const Two = protocol({ name: "two", server: { group: { ping: unary() } } });
  const Other = protocol({ name: "o", client: { group: { ping: unary() } } });
  assertThrows(
    () => mergeProtocols(One, Two),
    TypeError,
    'Cannot declare method "group.ping" twice on the server side',
  );
  assertEquals(mergeProtocols(One, Other).methods.client.length, 1);
});

Deno.test(
  "mergeProtocols() rejects a name that is a method in one and a group in another protocol",
  {
    permissions: "none",
  },
  () => {
    const method = server({ a: { b: unary() } });
    for (
      const group of [
        server({ a: { b: { c: unary() } } }),
        server({ a: { b: { c: { d: unary() } } } }),
      ]
    ) {
      for (const pair of [[method, group], [group, method]] as const) {
        assertThrows(
          () => mergeProtocols(...pair),
          TypeError,
          'Cannot declare "a.b" twice: it is both a method and a group',
        );
      }
    }
  },
);

Deno.test("mergeProtocols() rejects a joined name over 128 bytes", {
  permissions: "none",
}, () => {
  const long = protocol({ name: "x".repeat(64), server: {} });
  assertThrows(() => mergeProtocols(long, long), TypeError, "129 bytes");
});

Deno.test("mergeProtocols() keeps schemas and hashes", {
  permissions: "none",
}, () => {
  const One = protocol({
    name: "one",
    server: { price: unary({ input: z.string() }) },
  });
  const Two = protocol({ name: "two", server: {} });
  const hash = One.methods.server[0]!.hash;
  assert(hash !== 0);
  assertEquals(mergeProtocols(One, Two).methods.server[0]!.hash, hash);
});

Deno.test(
  "mergeProtocols() accepts a name of 128 characters and no longer one",
  { permissions: "none" },
  () => {
    const named = (length: number) => declare({ name: "a".repeat(length) });
    assertEquals(mergeProtocols(named(64), named(63)).name.length, 128);
    assertThrows(() => mergeProtocols(named(64), named(64)), TypeError);
  },
);
