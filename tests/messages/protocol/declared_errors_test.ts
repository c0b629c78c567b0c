import { assert, assertEquals, assertRejects } from "@std/assert";
import * as z from "zod";
import { isDeclared } from "../../../lib/messages/protocol/declared_errors.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { typed } from "../../../lib/messages/schema/typed.ts";
import { testPair } from "../../../lib/testing/test_pair.ts";
import { connect, createServer, json, msgpack } from "../../../mod.ts";
import { memoryPair } from "../../../lib/testing/mod.ts";
import { failureOf } from "../kit.ts";

const none = { permissions: "none" } as const;

const typedOnly = unary<string, void, { closed: void; late: { by: number } }>();
const bySchema = unary({
  errors: { closed: null, late: z.object({ by: z.number() }) },
});
const late = new CallError("late", {
  code: "declared",
  declared: "late",
  data: { by: 2 },
});

Deno.test("isDeclared() distinguishes declared errors by name", {
  permissions: "none",
}, () => {
  for (const method of [typedOnly, bySchema]) {
    const error: unknown = late;
    assert(isDeclared(method, error, "late"));
    assertEquals(error.data.by, 2);
    assert(!isDeclared(method, late, "closed"));
  }
});

Deno.test("isDeclared() without a name accepts any declared error", {
  permissions: "none",
}, () => {
  const error: unknown = late;
  assert(isDeclared(bySchema, error));
  assertEquals(error.declared === "late" ? error.data.by : 0, 2);
});

Deno.test(
  "isDeclared() rejects all other values",
  { permissions: "none" },
  () => {
    const others = [
      new CallError("x", { code: "internal", declared: "late" }),
      new Error("late"),
      { code: "declared", declared: "late" },
      null,
      undefined,
      "late",
    ];
    for (const error of others) {
      assert(!isDeclared(bySchema, error, "late"));
      assert(!isDeclared(bySchema, error));
    }
  },
);

Deno.test(
  "isDeclared() rejects names that are not among the method's schemas",
  {
    permissions: "none",
  },
  () => {
    for (const declared of ["", "soldOut", "constructor", "__proto__"]) {
      const error = new CallError("x", { code: "declared", declared });
      assert(!isDeclared(bySchema, error));
    }
  },
);

Deno.test(
  "data of an error that typed() declares reaches the caller",
  none,
  async () => {
    const Shop = protocol({
      name: "shop",
      server: {
        order: unary({
          input: typed<number>(),
          errors: { outOfStock: typed<{ left: number }>(), closed: null },
        }),
      },
    });
    await using pair = await testPair(Shop).handle({
      order: (count, context) => {
        throw count > 0
          ? context.error("outOfStock", { left: 3 })
          : context.error("closed");
      },
    });
    const { order } = pair.session.remote;
    const outOfStock = await failureOf(order(1));
    assertEquals([outOfStock.declared, outOfStock.data], ["outOfStock", {
      left: 3,
    }]);
    const closed = await failureOf(order(0));
    assertEquals([closed.declared, closed.data], ["closed", undefined]);
  },
);

Deno.test(
  "data of declared errors arrives as it was thrown",
  none,
  async () => {
    const values: readonly unknown[] = [
      null,
      0,
      "",
      false,
      [],
      {},
      { data: 1 },
      { code: "x", message: "y" },
      "none",
    ];
    const Sent = protocol({
      name: "sent",
      server: {
        one: unary({
          input: typed<number>(),
          errors: { bad: typed<unknown>() },
        }),
      },
    });
    for (const codec of [json(), msgpack()]) {
      const server = createServer(Sent, { codecs: [codec] }).handle({
        one(index, context) {
          throw context.error("bad", values[index]);
        },
      });
      const [near, far] = memoryPair();
      server.accept(far);
      const session = await connect(Sent, near, { codecs: [codec] });
      for (const [index, value] of values.entries()) {
        const error = await assertRejects(() => session.remote.one(index));
        assert(isDeclared(Sent.server.one, error, "bad"));
        assertEquals(error.data, value);
      }
      await session.close();
      await server.shutdown();
    }
  },
);
