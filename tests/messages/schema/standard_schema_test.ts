import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import {
  SchemaError,
  type StandardSchema,
  validate,
} from "../../../lib/messages/schema/standard_schema.ts";

/** The same schema in three libraries. */
const LIBRARIES: Record<string, StandardSchema> = {
  zod: z.object({ sku: z.string(), count: z.number().default(1) }),
  valibot: v.object({ sku: v.string(), count: v.optional(v.number(), 1) }),
  arktype: type({ sku: "string", count: "number = 1" }),
};

function failure(schema: StandardSchema, value: unknown): SchemaError {
  return assertThrows(() => validate(schema, value), SchemaError);
}

function failsWith(
  issues: readonly {
    message: string;
    path?: readonly (PropertyKey | { key: PropertyKey })[];
  }[],
): StandardSchema {
  return {
    "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) },
  };
}

for (const [name, schema] of Object.entries(LIBRARIES)) {
  Deno.test(
    `validate() returns the value converted by a schema of ${name}, synchronously`,
    {
      permissions: "none",
    },
    () => {
      assertEquals(validate(schema, { sku: "a" }), { sku: "a", count: 1 });
    },
  );

  Deno.test(`validate() throws the issues and paths that ${name} reports`, {
    permissions: "none",
  }, () => {
    const { issues, message } = failure(schema, { sku: 1 });
    assertEquals(issues.map(({ path }) => path), [["sku"]]);
    assert(issues[0]!.message.length > 0);
    assert(message.startsWith("Value does not match its schema: sku: "));
  });
}

Deno.test(
  "validate() waits for any thenable",
  { permissions: "none" },
  async () => {
    const later = (result: unknown): StandardSchema => ({
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () =>
          ({
            then: (done: (value: unknown) => void) => done(result),
          }) as Promise<{ value: unknown }>, // only the member that a thenable needs
      },
    });
    assertEquals(await validate(later({ value: "a" }), "b"), "a");
    await assertRejects(
      async () => await validate(later({ issues: [{ message: "no" }] }), "b"),
      SchemaError,
      "no",
    );
  },
);

Deno.test("validate() is asynchronous if the schema is", {
  permissions: "none",
}, async () => {
  const schemas: StandardSchema[] = [
    z.string().refine((text) => Promise.resolve(text !== "")),
    v.pipeAsync(
      v.string(),
      v.checkAsync((text) => Promise.resolve(text !== "")),
    ),
  ];
  for (const schema of schemas) {
    const value = validate(schema, "a");
    assert(value instanceof Promise);
    assertEquals(await value, "a");
    await assertRejects(async () => await validate(schema, ""), SchemaError);
  }
});

Deno.test("validate() passes on errors that a schema throws", {
  permissions: "none",
}, async () => {
  const fail = (): boolean => {
    throw new RangeError("in a check");
  };
  const schema = v.pipe(v.string(), v.check(fail));
  assertThrows(() => validate(schema, "a"), RangeError, "in a check");
  // zod retries asynchronously
  await assertRejects(
    async () => await validate(z.string().refine(fail), "a"),
    RangeError,
    "in a check",
  );
});

Deno.test("validate() keeps a valid value that is falsy", {
  permissions: "none",
}, () => {
  for (const value of [0, "", false, null, undefined]) {
    assertEquals(validate(z.unknown(), value), value);
  }
});

Deno.test("SchemaError reads keys from plain and wrapped path segments", {
  permissions: "none",
}, () => {
  const path = ["a", { key: 2 }, Symbol("s"), { key: "b" }];
  const { issues, message } = failure(failsWith([{ message: "no", path }]), 1);
  assertEquals(issues, [{ path: ["a", 2, "Symbol(s)", "b"], message: "no" }]);
  assertEquals(
    message,
    "Value does not match its schema: a[2].Symbol(s).b: no",
  );
});

Deno.test("SchemaError keeps issues as plain data", {
  permissions: "none",
}, () => {
  const value = Array.from({ length: 40 }, () => 1);
  for (
    const schema of [z.array(z.string()), v.array(v.string()), type("string[]")]
  ) {
    const { issues, issueCount } = failure(schema, value);
    assertEquals(
      issues.map(({ path }) => path),
      [...Array(16).keys()].map((index) => [index]),
    );
    assertEquals(issueCount, 40);
    assertEquals(structuredClone(issues), issues);
  }
});

Deno.test("SchemaError keeps 16 issues and counts the others", {
  permissions: "none",
}, () => {
  const findings = Array.from({ length: 100_000 }, () => ({ message: "no" }));
  const error = failure(failsWith(findings), 1);
  assertEquals(error.issues.length, 16);
  assertEquals(error.issueCount, 100_000);
  assertEquals(
    error.message,
    "Value does not match its schema: no (and 99999 more)",
  );
});

Deno.test(
  "SchemaError truncates long messages, keys and paths between characters",
  {
    permissions: "none",
  },
  () => {
    const path = Array.from({ length: 1000 }, () => "k".repeat(1000));
    const text = "x" + "🦕".repeat(1000);
    const [issue] = failure(failsWith([{ message: text, path }]), 1).issues;
    assertEquals(issue!.path.length, 64);
    assertEquals(issue!.path[0], "k".repeat(63) + "…");
    assertEquals(issue!.message.length, 256);
    assert(issue!.message.isWellFormed());
  },
);

Deno.test(
  "SchemaError has a general message if a library reports no issues",
  {
    permissions: "none",
  },
  () => {
    assertEquals(
      failure(failsWith([]), 1).message,
      "Value does not match its schema",
    );
  },
);
