import { assert, assertEquals, assertThrows } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import type { Shape } from "../../../lib/messages/session/wire/shape.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";
import { typed } from "../../../lib/messages/schema/typed.ts";

const DECLARE = { unary, notification, serverStream, clientStream, duplex };

/** Declares a method without type checks, as JavaScript users can. */
function declare(shape: Shape, declared?: unknown): unknown {
  return (DECLARE[shape] as (declared: unknown) => unknown)(declared);
}

for (const shape of Object.keys(DECLARE) as Shape[]) {
  Deno.test(
    `${shape}() without schemas declares only a shape`,
    {
      permissions: "none",
    },
    () => {
      assertEquals(declare(shape), { shape });
      assert(Object.isFrozen(declare(shape)));
    },
  );

  Deno.test(`${shape}() keeps the options of the method`, {
    permissions: "none",
  }, () => {
    const again = shape === "notification" ? {} : { idempotent: true };
    const options = { timeout: 500, ...again, description: "does x" };
    assertEquals(declare(shape, options), { shape, ...options });
  });

  Deno.test(
    `${shape}() rejects an unknown member and lists the valid ones`,
    {
      permissions: "none",
    },
    () => {
      assertThrows(
        () => declare(shape, { inputs: z.string() }),
        TypeError,
        `Cannot declare ${shape}() with "inputs": expected one of input, `,
      );
    },
  );
}

Deno.test("notification() cannot be idempotent", {
  permissions: "none",
}, () => {
  assertThrows(
    () => declare("notification", { idempotent: true }),
    TypeError,
    "a notification is sent at most once",
  );
});

Deno.test("unary() keeps the schemas of zod, valibot and arktype unchanged", {
  permissions: "none",
}, () => {
  const [input, output, left] = [z.string(), v.string(), type("number")];
  const method = unary({ input, output, errors: { left, closed: null } });
  assert(method.input === input && method.output === output);
  assertEquals(Object.keys(method.errors!), ["left", "closed"]);
  assert(method.errors!["left"] === left && method.errors!["closed"] === null);
});

Deno.test(
  "unary() keeps declared errors in a frozen object without a prototype",
  {
    permissions: "none",
  },
  () => {
    const { errors } = unary({ errors: { constructor: null } });
    assertEquals(Object.getPrototypeOf(errors), null);
    assert(Object.isFrozen(errors));
    assertEquals(errors!["toString"], undefined);
  },
);

Deno.test(
  "clientStream() and duplex() keep an opening, the others reject it",
  {
    permissions: "none",
  },
  () => {
    const opening = z.string();
    assert(clientStream({ opening }).opening === opening);
    assert(duplex({ opening }).opening === opening);
    for (const shape of ["unary", "serverStream", "notification"] as const) {
      assertThrows(() => declare(shape, { opening }), TypeError, '"opening"');
    }
  },
);

Deno.test("notification() rejects an output and errors", {
  permissions: "none",
}, () => {
  assertThrows(
    () => declare("notification", { output: z.string() }),
    TypeError,
    'with "output"',
  );
  assertThrows(
    () => declare("notification", { errors: {} }),
    TypeError,
    'with "errors"',
  );
});

Deno.test("unary() rejects a value that is not a schema", {
  permissions: "none",
}, () => {
  const wrong = [
    { sku: "string" },
    "string",
    null,
    1,
    () => true,
    { "~standard": { version: 2, validate: () => ({}) } },
    { "~standard": { version: 1, vendor: "x" } },
    { "~standard": null },
  ];
  for (const input of wrong) {
    assertThrows(
      () => declare("unary", { input }),
      TypeError,
      "Cannot use the input of unary() as a schema: it does not implement Standard Schema version 1",
    );
  }
  assertThrows(
    () => declare("unary", { errors: { closed: true } }),
    TypeError,
    'Cannot use the error "closed" of unary() as a schema',
  );
});

Deno.test(
  "unary() rejects a value that is not an object of schemas and options",
  {
    permissions: "none",
  },
  () => {
    for (const declared of [null, "x", 1]) {
      assertThrows(
        () => declare("unary", declared),
        TypeError,
        "expected an object of schemas and options",
      );
    }
  },
);

Deno.test(
  "unary() rejects a timeout that is not an integer from 1 to 2^31 - 1",
  {
    permissions: "none",
  },
  () => {
    for (const timeout of [0, -1, 1.5, NaN, Infinity, 2 ** 31, "1"]) {
      assertThrows(
        () => declare("unary", { timeout }),
        RangeError,
        `timeout ${timeout}: it must be an integer from 1 to 2147483647 ms`,
      );
    }
    for (const timeout of [1, 2 ** 31 - 1]) {
      assertEquals(unary({ timeout }).timeout, timeout);
    }
  },
);

Deno.test("unary() rejects invalid error names", {
  permissions: "none",
}, () => {
  for (const name of ["", "a.b", "a b", "ö", "a\nb", "then", "x".repeat(129)]) {
    assertThrows(
      () => unary({ errors: { [name]: null } }),
      TypeError,
      "Cannot name an error",
    );
  }
});

Deno.test("unary() drops a schema that only carries a type", {
  permissions: "none",
}, () => {
  const unchecked: StandardSchema<string> = typed<string>();
  assertEquals(unary({ input: unchecked, output: unchecked }), {
    shape: "unary",
  });
  assertEquals(
    unary({ errors: { late: unchecked } }).errors!["late"],
    unchecked, // null stands for an error without data
  );
});
