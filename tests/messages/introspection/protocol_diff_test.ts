import { assertEquals } from "@std/assert";
import * as z from "zod";
import { describeProtocol } from "../../../lib/messages/introspection/describe_protocol.ts";
import {
  duplex,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import {
  describeDifferences,
  diffMethods,
  type MethodDifference,
  type MethodSummary,
} from "../../../lib/messages/introspection/protocol_diff.ts";
import type { AnyProtocol } from "../../../lib/messages/protocol/protocol_types.ts";

function server(methods: object): AnyProtocol {
  return (protocol as (declaration: unknown) => AnyProtocol)({
    name: "shop",
    server: methods,
  });
}

function diff(caller: object, callee: object): readonly MethodDifference[] {
  return diffMethods({
    side: "server",
    caller: describeProtocol(server(caller)).server,
    callee: describeProtocol(server(callee)).server,
  });
}

function texts(caller: object, callee: object): string[] {
  return diff(caller, callee).map(({ text }) => text);
}

/** Returns the descriptions of the differences between two schemas of an input. */
function inputs(caller: z.ZodType, callee: z.ZodType): string[] {
  return texts({ m: unary({ input: caller }) }, {
    m: unary({ input: callee }),
  });
}

Deno.test("diffMethods() returns no differences for equal protocols", {
  permissions: "none",
}, () => {
  const methods = { a: unary({ input: z.string() }), b: serverStream() };
  assertEquals(diff(methods, methods), []);
});

Deno.test(
  "diffMethods() reports methods that the callee lacks as incompatible, and unknown methods as compatible",
  {
    permissions: "none",
  },
  () => {
    assertEquals(
      diff({ orders: { cancel: unary() } }, {
        orders: { find: serverStream() },
      }),
      [
        {
          side: "server",
          name: "orders.cancel",
          kind: "missing",
          incompatible: true,
          text: "server lacks unary orders.cancel",
        },
        {
          side: "server",
          name: "orders.find",
          kind: "extra",
          incompatible: false,
          text: "client does not know serverStream orders.find",
        },
      ],
    );
  },
);

Deno.test("diffMethods() reports another shape as incompatible", {
  permissions: "none",
}, () => {
  assertEquals(diff({ watch: unary() }, { watch: serverStream() }), [{
    side: "server",
    name: "watch",
    kind: "shape",
    incompatible: true,
    text: "watch is unary on the client, serverStream on the server",
  }]);
});

Deno.test("diffMethods() names the ends by the side that handles the methods", {
  permissions: "none",
}, () => {
  const list: MethodSummary[] = [{ name: "alert", shape: "unary", hash: 0 }];
  const of = (caller: MethodSummary[], callee: MethodSummary[]) =>
    diffMethods({ side: "client", caller, callee })[0]!.text;
  assertEquals(of(list, []), "client lacks unary alert");
  assertEquals(of([], list), "server does not know unary alert");
});

Deno.test(
  "diffMethods() reports that schemas differ, as compatible, if it has only their hashes",
  {
    permissions: "none",
  },
  () => {
    const m = { name: "m", shape: "unary" } as const;
    const differences = diffMethods({
      side: "server",
      caller: [{ ...m, hash: 1 }],
      callee: [{ ...m, hash: 2 }],
    });
    assertEquals(differences, [{
      side: "server",
      name: "m",
      kind: "schema",
      incompatible: false,
      text: "m: schemas differ",
    }]);
  },
);

Deno.test(
  "diffMethods() does not compare schemas with methods declared by types",
  {
    permissions: "none",
  },
  () => {
    assertEquals(diff({ m: unary() }, { m: unary({ input: z.string() }) }), []);
    assertEquals(diff({ m: unary({ input: z.string() }) }, { m: unary() }), []);
  },
);

Deno.test("diffMethods() names the fields that changed", {
  permissions: "none",
}, () => {
  const { string, number, object, array } = z;
  assertEquals(inputs(object({ sku: string() }), object({ sku: number() })), [
    "m: input field sku changed: string on the client, number on the server",
  ]);
  assertEquals(
    inputs(object({ sku: string() }), object({ sku: string().min(2) })),
    ["m: input field sku changed: different rules for string"],
  );
  assertEquals(
    inputs(object({ a: string() }), object({ a: string().optional() })),
    ["m: input field a changed: required on the client, optional on the server"],
  );
  assertEquals(
    inputs(object({ a: string().optional() }), object({ a: string() })),
    ["m: input field a changed: required on the server, optional on the client"],
  );
  assertEquals(
    inputs(object({ a: string() }), object({ a: string(), b: string() })),
    ["m: input field b is known to the server only, which requires it"],
  );
  assertEquals(
    inputs(
      object({ a: string(), b: string().optional() }),
      object({ a: string() }),
    ),
    ["m: input field b is known to the client only"],
  );
  assertEquals(
    inputs(
      object({ lines: array(object({ sku: string() })) }),
      object({ lines: array(object({ sku: number() })) }),
    ),
    ["m: input field lines[].sku changed: string on the client, number on the server"],
  );
  assertEquals(inputs(string(), number()), [
    "m: input changed: string on the client, number on the server",
  ]);
  assertEquals(inputs(z.enum(["a"]), z.enum(["a", "b"])), [
    'm: input changed: "a" on the client, "a" | "b" on the server',
  ]);
  assertEquals(inputs(z.literal(1), z.string().nullable()), [
    "m: input changed: 1 on the client, string | null on the server",
  ]);
  assertEquals(inputs(z.unknown(), z.string()), [
    "m: input changed: any value on the client, string on the server",
  ]);
});

Deno.test(
  "diffMethods() describes unions by their members, and names only fields that differ",
  {
    permissions: "none",
  },
  () => {
    const union = z.union([z.object({ a: z.string() }), z.array(z.string())]);
    const same = z.object({ b: z.string() });
    assertEquals(
      texts(
        { m: unary({ input: union, output: same, errors: { e: same } }) },
        { m: unary({ input: z.string(), output: same, errors: { e: same } }) },
      ),
      ["m: input changed: object | array on the client, string on the server"],
    );
  },
);

Deno.test("diffMethods() names outputs, openings and declared errors", {
  permissions: "none",
}, () => {
  const [caller, callee] = [z.string(), z.number()];
  const errors = (schema: z.ZodType) => ({ e: schema, same: null });
  assertEquals(
    texts(
      {
        m: duplex({
          output: caller,
          opening: caller,
          errors: { ...errors(caller), gone: null },
        }),
      },
      {
        m: duplex({
          output: callee,
          opening: callee,
          errors: { ...errors(callee), added: null },
        }),
      },
    ),
    [
      "m: output changed: string on the client, number on the server, " +
      "opening changed: string on the client, number on the server, " +
      "error added is known to the server only, " +
      "error e changed: string on the client, number on the server, " +
      "error gone is known to the client only",
    ],
  );
});

Deno.test(
  "diffMethods() finds differences in schemas of any depth",
  {
    permissions: "none",
  },
  () => {
    const nest = (leaf: z.ZodType): z.ZodType =>
      Array.from({ length: 40 }).reduce<z.ZodType>(
        (inner) => z.object({ a: inner }),
        leaf,
      );
    const [text] = inputs(nest(z.string()), nest(z.number()));
    assertEquals(
      text,
      `m: input field ${
        Array(17).fill("a").join(".")
      } changed: different rules for nested value`,
    );
  },
);

Deno.test("diffMethods() accepts any names from a peer", {
  permissions: "none",
}, () => {
  const peer = ["__proto__", "constructor", "then"].map((name) => ({
    name,
    shape: "unary" as const,
    hash: 1,
  }));
  const differences = diffMethods({ side: "server", caller: peer, callee: [] });
  assertEquals(differences.map(({ name }) => name), [
    "__proto__",
    "constructor",
    "then",
  ]);
});

Deno.test(
  "describeDifferences() lists incompatible methods first, one per line",
  {
    permissions: "none",
  },
  () => {
    const differences = diff({ a: unary({ input: z.string() }), b: unary() }, {
      a: unary({ input: z.number() }),
    });
    assertEquals(
      describeDifferences(differences),
      "server lacks unary b\n" +
        "a: input changed: string on the client, number on the server",
    );
  },
);

Deno.test("describeDifferences() stops at 32 lines and counts the others", {
  permissions: "none",
}, () => {
  const callee = Array.from({ length: 1000 }, (_, index) => ({
    name: `m${index}`,
    shape: "unary" as const,
    hash: 0,
  }));
  const lines = describeDifferences(
    diffMethods({ side: "server", caller: [], callee }),
  ).split("\n");
  assertEquals(lines.length, 33);
  assertEquals(lines.at(-1), "and 968 more");
});

Deno.test(
  "describeDifferences() counts the lines that it leaves out, from the first one",
  {
    permissions: "none",
  },
  () => {
    const differences = (count: number) =>
      Array.from({ length: count }, (_, n): MethodDifference => ({
        ...diff({ a: unary() }, {})[0]!, // the callee lacks it
        text: `line ${n}`,
      }));
    const all = describeDifferences(differences(5)).split("\n");
    assertEquals(all, [0, 1, 2, 3, 4].map((n) => `line ${n}`));
    const most = describeDifferences(differences(1000)).split("\n").length - 1;
    for (const left of [0, 1, 2]) {
      const lines = describeDifferences(differences(most + left)).split("\n");
      assertEquals(lines.slice(0, most).at(-1), `line ${most - 1}`);
      assertEquals(lines.slice(most), left === 0 ? [] : [`and ${left} more`]);
    }
  },
);
