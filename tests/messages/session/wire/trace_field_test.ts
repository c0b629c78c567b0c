import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeTrace,
  encodeIds,
  encodeTrace,
} from "../../../../lib/messages/session/wire/trace_field.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

const traceparent = `00-${"0a".repeat(16)}-${"0b".repeat(8)}-01`;

Deno.test("encodeTrace() writes 26 bytes and the tracestate", pure, () => {
  const bytes = encodeTrace({ traceparent, tracestate: "a=b" })!;
  assertEquals([...bytes], [
    0,
    ...Array(16).fill(10),
    ...Array(8).fill(11),
    1,
    ...[0x61, 0x3d, 0x62],
  ]);
  assertEquals(decodeTrace(bytes), { traceparent, tracestate: "a=b" });
});

Deno.test("encodeTrace() omits what cannot be sent", pure, () => {
  assertEquals(encodeTrace({ traceparent: "", tracestate: "a=b" }), undefined);
  const long = encodeTrace({ traceparent, tracestate: "x".repeat(513) });
  assertEquals(long?.length, 26);
  for (const wrong of ["x", traceparent.slice(1), traceparent.toUpperCase()]) {
    assertThrows(
      () => encodeTrace({ traceparent: wrong, tracestate: "" }),
      TypeError,
      "Cannot send the traceparent",
    );
  }
});

Deno.test("decodeTrace() ignores bytes that are not a trace", pure, () => {
  assertEquals(decodeTrace(new Uint8Array(25)), undefined);
  assertEquals(decodeTrace(new Uint8Array(26 + 513)), undefined);
  const escape = encodeTrace({ traceparent, tracestate: "a=b" })!;
  escape[26] = 0x1b;
  assertEquals(decodeTrace(escape), { traceparent, tracestate: "" });
});

Deno.test(
  "a tracestate of 512 bytes is sent and read, and no longer one",
  pure,
  () => {
    for (const [length, kept] of [[512, 512], [513, 0]] as const) {
      const tracestate = `a=${"b".repeat(length - 2)}`;
      const bytes = encodeTrace({ traceparent, tracestate })!;
      assertEquals(bytes.length, 26 + kept);
      assertEquals(
        decodeTrace(bytes),
        { traceparent, tracestate: kept > 0 ? tracestate : "" },
      );
    }
  },
);

Deno.test("encodeIds() writes what encodeTrace() does", pure, () => {
  const parentId = "b7ad6b7169203331";
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  for (const flags of [0, 1, 0xff]) {
    for (const tracestate of ["", "a=b", "x".repeat(513)]) {
      const hex = flags.toString(16).padStart(2, "0");
      const text = `00-${traceId}-${parentId}-${hex}`;
      assertEquals(
        encodeIds({ traceId, parentId, flags }, tracestate, 3),
        encodeTrace({ traceparent: text, tracestate }, 3),
      );
    }
  }
});

Deno.test("encodeIds() omits ids that are not valid", pure, () => {
  const ids = { traceId: "0a".repeat(16), parentId: "0b".repeat(8), flags: 1 };
  for (
    const wrong of [
      { traceId: "0".repeat(32) },
      { traceId: "0A".repeat(16) },
      { traceId: "0a".repeat(15) },
      { traceId: `${"0a".repeat(15)}0\u0161` },
      { parentId: "0".repeat(16) },
      { parentId: "0b".repeat(9) },
      { parentId: "-".repeat(16) },
    ]
  ) assertEquals(encodeIds({ ...ids, ...wrong }, ""), undefined);
});

Deno.test("encoded traces share no bytes", pure, () => {
  const values = Array.from({ length: 100 }, (_, at) => {
    const parentId = (at + 1).toString(16).padStart(16, "0");
    return encodeIds({ traceId: "0a".repeat(16), parentId, flags: 0 }, "")!;
  });
  values.forEach((bytes, at) => {
    assertEquals(bytes.length, 26);
    assertEquals([bytes[0], bytes[1], bytes[24], bytes[25]], [
      ...[0, 10, at + 1, 0],
    ]);
  });
});
