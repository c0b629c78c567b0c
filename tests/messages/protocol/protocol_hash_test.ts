import { assertEquals, assertNotEquals } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import {
  duplex,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import type { ErrorSchemas } from "../../../lib/messages/protocol/method.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import {
  fnv1a,
  methodHash,
  protocolHash,
} from "../../../lib/messages/protocol/protocol_hash.ts";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";

function hashOf(input: StandardSchema): number {
  return methodHash(unary({ input }));
}

/** Returns a schema with the given JSON Schema, which accepts any value. */
function json(schema: Record<string, unknown>): StandardSchema {
  const standard = {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => ({ value }),
    jsonSchema: { input: () => schema, output: () => schema },
  };
  return { "~standard": standard };
}

Deno.test(
  "fnv1a() returns the reference values",
  { permissions: "none" },
  () => {
    // From the test vectors of the FNV reference code, test_fnv.c
    assertEquals(fnv1a(""), 0x811c9dc5);
    assertEquals(fnv1a("a"), 0xe40c292c);
    assertEquals(fnv1a("b"), 0xe70c2de5);
    assertEquals(fnv1a("foobar"), 0xbf9cf968);
  },
);

Deno.test("methodHash() is 0 if only types are known", {
  permissions: "none",
}, () => {
  assertEquals(methodHash(unary<string, string>()), 0);
  assertEquals(methodHash(unary({ input: v.string() })), 0);
  assertEquals(methodHash(unary<string>({ timeout: 1, description: "x" })), 0);
});

Deno.test(
  "methodHash() is the same for an object of plain fields in zod and in arktype",
  {
    permissions: "none",
  },
  () => {
    assertEquals(
      hashOf(
        z.object({
          sku: z.string(),
          count: z.number().optional(),
          at: z.date(),
        }),
      ),
      hashOf(
        type({
          at: "Date",
          "count?": "number",
          sku: "string",
        }),
      ),
    );
  },
);

Deno.test(
  "methodHash() ignores annotations and the order of keys and sets",
  {
    permissions: "none",
  },
  () => {
    const plain = hashOf(json({
      type: "object",
      properties: { a: { type: "string" }, b: { anyOf: [{ const: 1 }, {}] } },
      required: ["a", "b"],
    }));
    assertEquals(
      hashOf(json({
        $schema: "x",
        title: "T",
        description: "d",
        required: ["b", "a"],
        properties: {
          b: { anyOf: [{}, { const: 1, examples: [1] }], default: 1 },
          a: { deprecated: true, type: "string", format: undefined },
        },
        type: "object",
      })),
      plain,
    );
  },
);

Deno.test(
  "methodHash() depends on all other keywords",
  { permissions: "none" },
  () => {
    const variants: Record<string, unknown>[] = [
      {},
      { type: "string" },
      { type: ["string", "null"] },
      { enum: ["a", "b"] },
      { enum: ["a"] },
      { enum: ["a", 1] },
      { enum: ["a", "1"] },
      { const: { title: "a" } },
      { const: { title: "b" } },
      { enum: [{ description: "a" }] },
      { enum: [{ description: "b" }] },
      { const: [1, 2] },
      { const: [2, 1] },
      { properties: { title: {} } },
      { properties: { default: {} } },
      { properties: { enum: { title: "not a keyword above" } } },
      { properties: { a: {}, b: {} } },
      { properties: { a: {} }, required: ["a"] },
      { $defs: { title: {} } },
      { prefixItems: [{ type: "string" }, {}] },
      { prefixItems: [{}, { type: "string" }] },
      { items: { type: "string" } },
      { items: false },
      { items: true },
      { minimum: 1 },
      { minimum: 1.5 },
      { not: {} },
    ];
    const hashes = variants.map((schema) => hashOf(json(schema)));
    assertEquals(new Set(hashes).size, variants.length);
  },
);

Deno.test("methodHash() distinguishes input, output, opening and errors", {
  permissions: "none",
}, () => {
  const schema = z.string();
  const errors = (errors: ErrorSchemas) => methodHash(duplex({ errors }));
  const hashes = [
    methodHash(duplex({ input: schema })),
    methodHash(duplex({ output: schema })),
    methodHash(duplex({ opening: schema })),
    errors({ closed: schema }),
    errors({ closed: null }),
    errors({ late: null }),
    errors({ title: null }),
    errors({ closed: null, late: null }),
  ];
  assertEquals(new Set(hashes).size, hashes.length);
  assertEquals(
    errors({ late: null, closed: null }),
    errors({ closed: null, late: null }),
  );
});

Deno.test(
  "protocolHash() depends only on names, sides, shapes and schema hashes",
  {
    permissions: "none",
  },
  () => {
    const hash = (
      declaration: { name: string; server?: object; client?: object },
    ) =>
      protocolHash(
        (protocol as (d: unknown) => ReturnType<typeof protocol>)(
          declaration,
        ),
      );
    const base = hash({ name: "a", server: { x: unary(), y: unary() } });
    assertEquals(
      hash({
        name: "b",
        server: { y: unary({ timeout: 5 }), x: unary<number, string>() },
        client: {},
      }),
      base,
    );
    const others = [
      { name: "a", server: { x: unary() } },
      { name: "a", client: { x: unary(), y: unary() } },
      { name: "a", server: { x: unary(), z: unary() } },
      { name: "a", server: { x: unary(), y: serverStream() } },
      { name: "a", server: { x: unary(), y: unary({ input: z.string() }) } },
      { name: "a", server: { x: unary() }, client: { y: unary() } },
      { name: "a", server: { x: { y: unary() } } },
    ].map(hash);
    for (const other of others) assertNotEquals(other, base);
    assertEquals(new Set(others).size, others.length);
  },
);

Deno.test(
  "protocolHash() is FNV-1a of one line per method, as PROTOCOL.md specifies",
  {
    permissions: "none",
  },
  () => {
    const Shop = protocol({
      name: "shop",
      server: { watch: serverStream(), orders: { create: unary() } },
      client: { alert: unary() },
    });
    assertEquals(
      protocolHash(Shop),
      fnv1a(
        "server\norders.create unary 0\nwatch serverStream 0\nclient\nalert unary 0\n",
      ),
    );
  },
);
