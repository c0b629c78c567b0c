import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeTrace,
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
