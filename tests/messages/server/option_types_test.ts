/**
 * Options and declarations of the wrong type, as JavaScript callers pass them,
 * fail with an error that says what to write instead.
 *
 * @module
 */
import {
  connect,
  createServer,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import { assertRejects, assertThrows } from "@std/assert";
import { type } from "arktype";
import * as z from "zod";

const none = { permissions: "none" } as const;

const P = protocol({ name: "p", server: { echo: unary<string, string>() } });
const handlers = { echo: (text: string) => text };

Deno.test("createServer() rejects options of the wrong type", none, () => {
  for (
    const [options, message] of [
      [
        { interceptors: () => {} },
        'Cannot use a value of type function as option "interceptors": expected an array',
      ],
      [
        { interceptors: [1] },
        'Cannot use a value of type number as option "interceptors": expected a function',
      ],
      [
        { codecs: {} },
        'Cannot use a value of type object as option "codecs": expected an array',
      ],
      [{ onError: "log" }, 'option "onError"'],
      [{ authenticate: "token" }, 'option "authenticate"'],
      [{ state: {} }, 'option "state"'],
      [{ onSession: 1 }, 'option "onSession"'],
    ] as const
  ) {
    // deno-lint-ignore no-explicit-any -- JavaScript callers may pass any value
    const given = options as any;
    assertThrows(
      () => createServer(P, given).handle(handlers),
      TypeError,
      message,
    );
  }
});

Deno.test("unary() and the other builders reject a schema alone", none, () => {
  for (const schema of [z.object({ sku: z.string() }), type("string")]) {
    assertThrows(
      // @ts-expect-error the place of the schema is missing
      () => unary(schema),
      TypeError,
      "Cannot declare unary() with a schema alone: name its place, as in unary({ input: schema })",
    );
  }
});

Deno.test(
  "connect() and serve() suggest the form of an address",
  none,
  async () => {
    for (
      const [address, message] of [
        ["127.0.0.1:7000", "did you mean 'tcp://127.0.0.1:7000'?"],
        ["7000", "did you mean { port: 7000 }?"],
        ["/run/p.sock", "did you mean 'unix:/run/p.sock'?"],
        ["./p.sock", "did you mean 'unix:./p.sock'?"],
        [
          7000,
          "Cannot use 7000 as an address: expected an object such as { port: 7000 }",
        ],
      ] as const
    ) {
      // deno-lint-ignore no-explicit-any -- as above
      const given = address as any;
      await assertRejects(() => connect(P, given), Error, message);
      await assertRejects(
        () => serve(P, given).handle(handlers),
        Error,
        message,
      );
    }
  },
);
