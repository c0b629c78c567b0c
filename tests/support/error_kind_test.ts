/**
 * Errors of another copy of the library, as `instanceof` sees them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  CallError,
  SessionError,
} from "../../lib/messages/errors/call_error.ts";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import { FrameError } from "../../lib/framing/errors.ts";
import { SchemaError } from "../../lib/messages/schema/standard_schema.ts";
import { TransportError } from "../../lib/transport/errors.ts";

/** A second copy of a module. */
async function copyOf<M>(path: string): Promise<M> {
  return await import(new URL(`../../lib/${path}?copy`, import.meta.url).href);
}

const calls = await copyOf<
  typeof import("../../lib/messages/errors/call_error.ts")
>("messages/errors/call_error.ts");
const transport = await copyOf<typeof import("../../lib/transport/errors.ts")>(
  "transport/errors.ts",
);
const framing = await copyOf<typeof import("../../lib/framing/errors.ts")>(
  "framing/errors.ts",
);
const codec = await copyOf<typeof import("../../lib/messages/codec/errors.ts")>(
  "messages/codec/errors.ts",
);
const schema = await copyOf<
  typeof import("../../lib/messages/schema/standard_schema.ts")
>("messages/schema/standard_schema.ts");

const PAIRS = [
  [CallError, new calls.CallError("x", { code: "internal" })],
  [SessionError, new calls.SessionError("x", { code: "closed" })],
  [
    TransportError,
    new transport.TransportError("x", { code: "reset", address: "" }),
  ],
  [FrameError, Object.create(framing.FrameError.prototype)],
  [CodecError, Object.create(codec.CodecError.prototype)],
  [SchemaError, Object.create(schema.SchemaError.prototype)],
] as const;

for (const [own, error] of PAIRS) {
  Deno.test(`instanceof ${own.name} recognizes the errors of another copy`, () => {
    assert(error.constructor !== own);
    for (const [other] of PAIRS) {
      assertEquals(error instanceof other, other === own, other.name);
    }
    assert(error instanceof Error);
  });
}

Deno.test("instanceof with a subclass recognizes only its instances", () => {
  class Refused extends CallError {}
  const refused = new Refused("x", { code: "forbidden" });
  assert(refused instanceof Refused);
  assert(refused instanceof CallError);
  assert(!(new CallError("x", { code: "forbidden" }) instanceof Refused));
  assert(!(PAIRS[0][1] instanceof Refused));
});

Deno.test("instanceof CallError rejects values that only look like one", () => {
  const alike = [
    undefined,
    null,
    "CallError",
    new Error("x"),
    Object.assign(new Error("x"), { name: "CallError" }),
    { "~lengthwise": "CallError" },
    Object.assign(new Error("x"), { "~lengthwise": "SessionError" }),
  ];
  for (const value of alike) assert(!(value instanceof CallError));
});
