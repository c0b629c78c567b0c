import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { JSON_CARRIED, nested } from "./values.ts";

const PURE = { permissions: "none" } as const;
const codec = json();
const utf8 = new TextEncoder();

function refused(text: string | Uint8Array): CodecError {
  const body = typeof text === "string" ? utf8.encode(text) : text;
  return assertThrows(() => codec.decode(body), CodecError);
}

Deno.test(
  "json() encodes and decodes JSON values, including lone surrogates",
  PURE,
  () => {
    for (const value of JSON_CARRIED) {
      assertEquals(codec.decode(codec.encode(value)), value);
    }
    assert(Object.is(codec.decode(codec.encode(-0)), 0));
  },
);

Deno.test(
  "json() writes plain JSON, and an empty body for undefined",
  PURE,
  () => {
    const value = { a: [1, null, "é"] };
    assertEquals(codec.encode(value), utf8.encode(JSON.stringify(value)));
    assertEquals(codec.encode(undefined).length, 0);
    assertEquals(codec.encodeInto(undefined, new Uint8Array(4), 2), 2);
    assertStrictEquals(codec.decode(new Uint8Array(0)), undefined);
  },
);

Deno.test("decode() does not quote a body that is not JSON", PURE, () => {
  for (
    const text of [
      "{secret",
      "[1,]",
      "tru",
      "1 2",
      "\u0001",
      "'a'",
      "\ufeff1",
      "NaN",
    ]
  ) {
    const error = refused(text);
    assertEquals(error.code, "malformed");
    assertEquals(
      error.message,
      "Cannot decode as json: the body is not well-formed JSON (RFC 8259)",
    );
    assertEquals(error.cause, undefined);
  }
});

Deno.test("decode() rejects ill-formed UTF-8", PURE, () => {
  for (const byte of [0x80, 0xc3, 0xff]) {
    assertEquals(
      refused(Uint8Array.of(0x22, byte, 0x22)).message,
      "Cannot decode as json: the body is not well-formed UTF-8",
    );
  }
});

Deno.test("json() never calls toJSON", PURE, () => {
  assertThrows(
    () => codec.encode({ toJSON: () => "other" }),
    CodecError,
    "a function at toJSON",
  );
  assertEquals(codec.decode(codec.encode({ toJSON: "data" })), {
    toJSON: "data",
  });
});

Deno.test("json() enforces its limits in both directions", PURE, () => {
  const small = json({ maxDepth: 2, maxNodes: 5, maxBytes: 8 });
  const cases: [unknown, string][] = [
    [nested(3), "maxDepth"],
    [[1, 2, 3, 4, 5], "maxNodes"],
    [{ a: 1, b: 2, c: [] }, "maxNodes"],
    ["123456789", "maxBytes"],
    ["éééé!", "maxBytes"],
    ["€€€", "maxBytes"],
  ];
  for (const [value, limit] of cases) {
    assertEquals(
      assertThrows(() => small.encode(value), CodecError).limit,
      limit,
    );
    assertEquals(
      assertThrows(() => small.decode(codec.encode(value)), CodecError).limit,
      limit,
    );
  }
  for (const value of [nested(2), [1, 2, 3, 4], { a: 1, b: 2 }, "éééé"]) {
    assertEquals(small.decode(small.encode(value)), value);
  }
  assertThrows(() => json({ maxDepth: 513 }), RangeError, "'maxDepth'");
});

Deno.test(
  "encode() reports the error that the value's own code threw",
  PURE,
  () => {
    const cause = new RangeError("mine");
    const value = {
      get bad(): unknown {
        throw cause;
      },
    };
    const error = assertThrows(
      () => codec.encode(value),
      CodecError,
      "reading the value threw",
    );
    assertStrictEquals(error.cause, cause);
  },
);

Deno.test(
  "encodeInto() returns the body if the target is too small",
  PURE,
  () => {
    const text = "é\u{1f600}".repeat(10);
    const body = codec.encode(text);
    for (let room = 0; room <= body.length; room++) {
      const placed = codec.encodeInto(text, new Uint8Array(3 + room), 3);
      assertEquals(placed, room < body.length ? body : 3 + room);
    }
  },
);
