import { assertEquals } from "@std/assert";
import { CliError } from "../../lib/cli/errors.ts";
import { isBrokenPipe, reportFailure } from "../../lib/cli/failures.ts";
import type { Io } from "../../lib/cli/io.ts";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import {
  CallError,
  SessionError,
} from "../../lib/messages/errors/call_error.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns the exit code and the text of an error. */
async function reported(
  error: unknown,
  isTTY = false,
  color = false,
): Promise<[code: number, text: string]> {
  let text = "";
  const stderr = {
    isTTY,
    columns: 80,
    write: (bytes: Uint8Array) =>
      Promise.resolve(void (text += new TextDecoder().decode(bytes))),
  };
  const code = await reportFailure(error, { stderr, color } as unknown as Io); // nothing else is used
  return [code, text];
}

const call = (
  options: Partial<ConstructorParameters<typeof CallError>[1]> = {},
) => new CallError("it failed", { code: "internal", method: "a", ...options });

Deno.test(
  "reportFailure() prints a line for each part of an error",
  none,
  async () => {
    const cases: readonly [error: unknown, code: number, text: string][] = [
      [new CliError("a", { code: "usage" }), 2, "error: a\n"],
      [
        new CliError("a", { code: "unreached", hint: "b" }),
        3,
        "error: a\nhint: b\n",
      ],
      [new CliError("a\x1b", { code: "no" }), 4, "error: a\\u{1b}\n"],
      [
        new CodecError("too deep", { code: "too-large" }),
        2,
        "error: too deep\n",
      ],
      [new SessionError("lost", { code: "closed" }), 76, "error: lost\n"],
      ["text", 1, "error: text\n"],
      [
        Object.assign(new Error("denied"), { name: "NotCapable" }),
        1,
        "error: denied\n",
      ],
      [call({ processed: "yes" }), 69, "error: internal: it failed\n"],
      [
        call({ incident: "7f", processed: "yes" }),
        69,
        "error: internal: it failed (incident 7f)\n",
      ],
      [
        call({ processed: "maybe" }),
        69,
        "error: internal: it failed\nhint: the handler may have run\n",
      ],
      [
        call({ code: "overloaded", retry: "later", retryAfter: 50 }),
        70,
        "error: overloaded: it failed\nhint: the call may be repeated after 50 ms\n",
      ],
      [
        call({ code: "unavailable", retry: "later", processed: "maybe" }),
        71,
        "error: unavailable: it failed\nhint: the call may be repeated\n",
      ],
      [
        call({
          ...{ code: "declared", declared: "none", data: { a: 1 } },
          processed: "yes",
        }),
        64,
        'error: declared error none: it failed\ndata: {"a":1}\n',
      ],
    ];
    for (const [error, code, text] of cases) {
      assertEquals(await reported(error), [code, text]);
    }
  },
);

Deno.test(
  "reportFailure() prints the stack of an unknown error",
  none,
  async () => {
    const error = new RangeError("a fault");
    error.stack = "RangeError: a fault\n    at here";
    assertEquals(await reported(error), [
      1,
      "error: RangeError: a fault\n    at here\n",
    ]);
    delete error.stack;
    assertEquals(await reported(error), [1, "error: RangeError: a fault\n"]);
  },
);

Deno.test(
  "reportFailure() uses colors on a terminal that has them",
  none,
  async () => {
    const error = new CliError("a", { code: "no", hint: "b" });
    assertEquals(
      (await reported(error, true, true))[1],
      "\x1b[31merror:\x1b[0m a\n\x1b[1mhint:\x1b[0m b\n",
    );
    assertEquals(
      (await reported(error, true, false))[1],
      "error: a\nhint: b\n",
    );
    assertEquals(
      (await reported(error, false, true))[1],
      "error: a\nhint: b\n",
    );
  },
);

Deno.test("isBrokenPipe() knows the errors of every runtime", none, () => {
  const error = (members: object) => Object.assign(new Error("x"), members);
  assertEquals(isBrokenPipe(error({ name: "BrokenPipe" })), true);
  assertEquals(isBrokenPipe(error({ code: "EPIPE" })), true);
  assertEquals(isBrokenPipe(error({ code: "EIO" })), false);
  assertEquals(isBrokenPipe(error({})), false);
  assertEquals(isBrokenPipe({ name: "BrokenPipe" }), false);
});
